// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/mount_options.h"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace ringside::guest::linux {

namespace {

using Names = std::initializer_list<std::pair<std::uint64_t, std::string_view>>;

std::string named(bool read_only, std::uint64_t flags, const Names& names) {
  std::string text = read_only ? "ro" : "rw";
  for (const auto& [flag, name] : names)
    if ((flags & flag) != 0) text += "," + std::string(name);
  return text;
}

}  // namespace

std::string mount_options(std::uint64_t flags, bool idmapped) {
  constexpr std::uint64_t kReadOnly = 0x40;
  std::string text = named((flags & kReadOnly) != 0, flags,
                           {{0x01, "nosuid"},
                            {0x02, "nodev"},
                            {0x04, "noexec"},
                            {0x08, "noatime"},
                            {0x10, "nodiratime"},
                            {0x20, "relatime"},
                            {0x80, "nosymfollow"}});
  return idmapped ? text + ",idmapped" : text;
}

std::string super_options(std::uint64_t flags) {
  constexpr std::uint64_t kReadOnly = 0x01;  // SB_*, include/linux/fs.h
  return named((flags & kReadOnly) != 0, flags,
               {{0x10, "sync"}, {0x80, "dirsync"}, {0x40, "mand"}, {std::uint64_t{1} << 25, "lazytime"}});
}

}  // namespace ringside::guest::linux
