# How every part of the house is compiled, and the one function that makes a floor.

include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
endif()

add_library(ringside_options INTERFACE)
add_library(ringside::options ALIAS ringside_options)
target_compile_options(ringside_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12's flow analysis raises false alarms on std::string and std::vector when it optimises (PR 105651, 105329,
  # 107852): shown, but no errors. AddressSanitizer looks for the real ones.
  target_compile_options(ringside_options INTERFACE -Wno-restrict -Wno-error=array-bounds
    -Wno-error=stringop-overflow -Wno-error=stringop-overread -Wno-error=maybe-uninitialized)
endif()
target_compile_definitions(ringside_options INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(ringside_options INTERFACE LINKER:-z,relro,-z,now)
if(RINGSIDE_SANITIZE)
  target_compile_options(ringside_options INTERFACE
    -fsanitize=${RINGSIDE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ringside_options INTERFACE -fsanitize=${RINGSIDE_SANITIZE})
  if(RINGSIDE_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Two checks of UBSan are half of what compiling costs. AddressSanitizer stops at a null pointer too, and bytes of
    # a guest are copied, never cast: -Wcast-align says where not.
    target_compile_options(ringside_options INTERFACE -fno-sanitize=null,alignment -Wcast-align=strict)
  endif()
  if(RINGSIDE_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    # clang 14 cannot emit this check for coroutines of templates ("Cannot represent a difference across sections").
    target_compile_options(ringside_options INTERFACE -fno-sanitize=function)
  endif()
  if(RINGSIDE_SANITIZE STREQUAL thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(ringside_options INTERFACE -Wno-tsan)  # Asio's fences: it synchronises by mutexes too
  endif()
  if(RINGSIDE_FUZZ)  # libFuzzer finds its way by the coverage of the libraries, not only of the target
    target_compile_options(ringside_options INTERFACE -fsanitize=fuzzer-no-link)
  endif()
else()
  target_compile_definitions(ringside_options INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>)
endif()

# ringside_library(NAME SOURCES... [PUBLIC LIBS...] [PRIVATE LIBS...])
# makes library ringside_NAME, alias ringside::NAME, whose headers are included as "NAME/file.h".
function(ringside_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(ringside_${name} STATIC ${arg_SOURCES})
  add_library(ringside::${name} ALIAS ringside_${name})
  set_target_properties(ringside_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(ringside_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/ringside>)
  target_compile_features(ringside_${name} PUBLIC cxx_std_20)
  target_link_libraries(ringside_${name} PUBLIC ${arg_PUBLIC} PRIVATE $<BUILD_INTERFACE:ringside::options> ${arg_PRIVATE})
  if(name MATCHES "guest|policies")
    ringside_precompile(ringside_${name})
  endif()
endfunction()

# ringside_precompile(TARGET): what nearly every file of the house includes is parsed once. Not by default: a file must
# name what it uses, which the other builds check.
function(ringside_precompile target)
  if(RINGSIDE_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE <algorithm> <array> <chrono> <cstdint> <cstring> <functional> <map>
      <memory> <optional> <span> <string> <string_view> <unordered_map> <variant> <vector> <tl/expected.hpp>
      <fmt/format.h>)
  endif()
endfunction()

# ringside_compile_quickly(TARGET) spends less on optimising code whose speed nobody waits for: with sanitizers,
# optimising is most of what compiling costs.
function(ringside_compile_quickly target)
  if(RINGSIDE_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  else()
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
endfunction()

# ringside_test(NAME SOURCES... LIBS...) makes a GoogleTest program whose tests ctest knows one by one. The target
# unit_tests builds all of them.
function(ringside_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ringside::options ${arg_LIBS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE RINGSIDE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  ringside_compile_quickly(${name})
  if(RINGSIDE_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE <gmock/gmock.h> <gtest/gtest.h> <string> <vector>)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  gtest_discover_tests(${name} PROPERTIES LABELS "${arg_LABELS}" DISCOVERY_TIMEOUT 60)
  add_dependencies(unit_tests ${name})
endfunction()

# Installs the program, the libraries with their headers, and the CMake package `ringside`.
function(ringside_install)
  include(CMakePackageConfigHelpers)
  install(TARGETS ringside RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ringside)
  install(TARGETS ringside_base ringside_qmp ringside_gdbstub ringside_guest ringside_policies
    EXPORT ringsideTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  foreach(floor base qmp gdbstub guest policies)
    install(DIRECTORY ${floor} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringside FILES_MATCHING PATTERN "*.h")
  endforeach()
  install(DIRECTORY policies/shipped/ policies/linux/ DESTINATION ${CMAKE_INSTALL_DATADIR}/ringside/policies COMPONENT ringside
    FILES_MATCHING PATTERN "*.yaml")
  set(where ${CMAKE_INSTALL_LIBDIR}/cmake/ringside)
  install(EXPORT ringsideTargets NAMESPACE ringside:: DESTINATION ${where})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ringsideConfig.cmake.in
    ${PROJECT_BINARY_DIR}/ringsideConfig.cmake INSTALL_DESTINATION ${where})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/ringsideConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/ringsideConfig.cmake ${PROJECT_BINARY_DIR}/ringsideConfigVersion.cmake
    DESTINATION ${where})
endfunction()
