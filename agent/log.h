// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// Log lines, on stderr. Behind this header so that one translation unit pays for spdlog.
namespace ringside::agent::log {

enum class Level { quiet, normal, verbose };

/// `quiet` shows errors only, `normal` warnings and what the user must know, `verbose` what is done.
void set_up(Level level, bool color);
void debug(std::string_view line);
void info(std::string_view line);
void warning(std::string_view line);

}  // namespace ringside::agent::log
