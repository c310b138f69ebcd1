// SPDX-License-Identifier: Apache-2.0
#include "agent/sql_text.h"

namespace ringside::agent {

std::string sql_text(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text.substr(0, text.find('\0'))) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace ringside::agent
