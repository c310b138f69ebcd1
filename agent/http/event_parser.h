// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace ringside::agent::http {

/// Takes a stream of server-sent events apart (HTML Standard, 9.2.6; fields event and data, the others are
/// passed over).
class EventParser {
 public:
  /// `largest`: of one event's data and of one line, in bytes.
  explicit EventParser(std::size_t largest) : largest_(largest) {}

  using Handler = std::function<bool(const std::string& event, const std::string& data)>;
  /// False: the handler gave false. `oversized`.
  Result<bool> feed(std::string_view bytes, const Handler& handler);

 private:
  Result<bool> line(std::string_view line, const Handler& handler);
  std::size_t largest_;
  std::string partial_, event_, data_;
  bool any_data_ = false;
};

}  // namespace ringside::agent::http
