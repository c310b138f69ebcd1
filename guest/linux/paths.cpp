// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/paths.h"

#include "guest/linux/path_reader.h"

namespace ringside::guest::linux {

Result<std::string> path_of(Kernel& kernel, Path path) {
  return PathReader::of(kernel).shown(path);
}

Result<std::string> path_of(Kernel& kernel, Gva vfsmount, Gva dentry) {
  return path_of(kernel, Path{vfsmount, dentry});
}

Result<std::string> file_path(Kernel& kernel, Gva file) {
  RINGSIDE_TRY(const Path path, path_of_file(kernel, file));
  return path_of(kernel, path);
}

Result<std::string> path_below(Kernel& kernel, Path root, Path path) {
  return PathReader::of(kernel).below(root, path);
}

Result<std::string> path_in_filesystem(Kernel& kernel, Gva dentry) {
  return PathReader::of(kernel).inside(dentry);
}

Result<Path> system_root(Kernel& kernel) {
  return PathReader::of(kernel).root();
}

Result<Path> path_of_file(Kernel& kernel, Gva file) {
  return PathReader::of(kernel).of_file(file);
}

std::string escape_octal(std::string_view text, std::string_view special) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (special.find(c) == std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '\\';
    for (const unsigned shift : {6u, 3u, 0u}) out += static_cast<char>('0' + ((byte >> shift) & 7));
  }
  return out;
}

}  // namespace ringside::guest::linux
