// SPDX-License-Identifier: Apache-2.0
#include "agent/state_directory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace ringside::agent {

namespace fs = std::filesystem;

StateDirectory::Environment StateDirectory::Environment::read() {
  const auto get = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  return {get("RINGSIDE_STATE_DIR"), get("XDG_STATE_HOME"), get("HOME"), ::geteuid() == 0};
}

Result<std::string> StateDirectory::locate(const Environment& environment) {
  if (!environment.ringside_state_dir.empty()) return environment.ringside_state_dir;
  if (environment.root) return std::string("/var/lib/ringside");
  if (environment.xdg_state_home.starts_with('/')) return environment.xdg_state_home + "/ringside";
  if (environment.home.starts_with('/')) return environment.home + "/.local/state/ringside";
  return fail(Errc::invalid_argument, "no place for ringside's state: neither HOME nor XDG_STATE_HOME is set",
              "set RINGSIDE_STATE_DIR");
}

Result<StateDirectory> StateDirectory::open() {
  RINGSIDE_TRY(std::string path, locate(Environment::read()));
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error)
    return fail(error == std::errc::permission_denied ? Errc::permission : Errc::io,
                fmt::format("state directory {}: {}", path, error.message()),
                "set RINGSIDE_STATE_DIR to a directory that you can write to");
  if (made) fs::permissions(path, fs::perms::owner_all, error);
  return StateDirectory(fs::absolute(path).lexically_normal().string());
}

}  // namespace ringside::agent
