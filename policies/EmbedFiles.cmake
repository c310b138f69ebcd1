# ringside_embed(OUTPUT FILES...) writes a C++ source that holds the text of FILES for policies/engine/shipped.h.
# The folder of FILES does not appear in it. Changing one of FILES configures again.
function(ringside_embed output)
  set(entries "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME)
    file(READ ${file} text)
    string(APPEND entries "      {\"${name}\", R\"ringside(${text})ringside\"},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [=[
// Made by policies/EmbedFiles.cmake.
#include "policies/engine/shipped.h"

namespace ringside::policies {

const std::vector<ShippedFile>& shipped_files() {
  static const std::vector<ShippedFile> files = {
@entries@  };
  return files;
}

}  // namespace ringside::policies
]=])
endfunction()
