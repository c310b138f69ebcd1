# Completion for shells, where Debian's shells look for it.
set(completions "")
foreach(shell bash zsh fish)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/completion.${shell})
  add_custom_command(OUTPUT ${made} COMMAND ringside completion ${shell} > ${made} DEPENDS ringside VERBATIM)
  list(APPEND completions ${made})
endforeach()
add_custom_target(completions ALL DEPENDS ${completions})
set(made ${CMAKE_CURRENT_BINARY_DIR}/completion)
install(FILES ${made}.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ringside
  COMPONENT ringside)
install(FILES ${made}.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _ringside
  COMPONENT ringside)
install(FILES ${made}.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME ringside.fish
  COMPONENT ringside)
