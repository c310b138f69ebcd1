// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace ringside::agent::log {

void set_up(Level level, bool color) {
  const auto mode = color ? spdlog::color_mode::always : spdlog::color_mode::never;
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(mode);
  auto logger = std::make_shared<spdlog::logger>("ringside", std::move(sink));
  logger->set_pattern("%n: %^%l%$: %v");
  logger->set_level(level == Level::quiet    ? spdlog::level::err
                    : level == Level::normal ? spdlog::level::info
                                             : spdlog::level::debug);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void debug(std::string_view line) {
  spdlog::debug("{}", line);
}
void info(std::string_view line) {
  spdlog::info("{}", line);
}
void warning(std::string_view line) {
  spdlog::warn("{}", line);
}

}  // namespace ringside::agent::log
