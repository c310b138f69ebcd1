# Manual pages: what the program, its tables and docs/ say, through pandoc. Without pandoc there are none.
find_program(PANDOC pandoc)
if(NOT PANDOC)
  message(STATUS "pandoc is missing: no manual pages are made")
  return()
endif()
add_executable(ringside_manual manual.cpp)
target_link_libraries(ringside_manual PRIVATE ringside::options ringside::agent)
target_compile_definitions(ringside_manual PRIVATE RINGSIDE_VERSION="${PROJECT_VERSION}")
set(manual_pages "")
foreach(page ringside.1 ringside.yaml.5 ringside-metrics.7 ringside-policy.7 ringside-tables.7)
  string(REGEX MATCH "[0-9]$" section ${page})
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${page})
  add_custom_command(OUTPUT ${made}.gz
    COMMAND ringside_manual ${page} ${PROJECT_SOURCE_DIR} > ${made}.md
    # Quotes and dashes stay as they are: they stand in what is typed.
    COMMAND ${PANDOC} --standalone --from markdown-smart --to man --output ${made} ${made}.md
    COMMAND gzip --best --no-name --force ${made}
    DEPENDS ringside_manual ${CMAKE_CURRENT_SOURCE_DIR}/ringside.yaml ${PROJECT_SOURCE_DIR}/docs/cli.md
      ${PROJECT_SOURCE_DIR}/docs/policies.md
    COMMENT "Manual page ${page}"
    VERBATIM)
  list(APPEND manual_pages ${made}.gz)
  install(FILES ${made}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ringside)
endforeach()
add_custom_target(manual ALL DEPENDS ${manual_pages})
