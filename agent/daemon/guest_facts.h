// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace ringside::agent {

/// Who a guest is.
struct GuestFacts {
  std::string key;   ///< GuestInfo::key(); before it was attached to, its candidate's id
  std::string name;  ///< what people call it
  std::string uuid;  ///< empty: it has none, or it is not known
  std::map<std::string, std::string> labels;
  bool operator==(const GuestFacts&) const = default;
};

}  // namespace ringside::agent
