// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::gdbstub {

/// One register of the `g` packet.
struct Register {
  std::string name;        ///< "rax", "cr3", "k_gs_base", ...
  unsigned number = 0;     ///< GDB's register number (for `p`)
  std::size_t offset = 0;  ///< bytes into the `g` reply
  std::size_t size = 0;    ///< bytes
};

/// Which register stands where in the reply to `g`, from the stub's own target description
/// (GDB manual, appendix "Target Descriptions"; QEMU gdb-xml/i386-64bit.xml).
class RegisterLayout {
 public:
  explicit RegisterLayout(std::vector<Register> registers);
  const std::vector<Register>& registers() const { return registers_; }
  const Register* find(std::string_view name) const;
  std::size_t size() const { return size_; }  ///< bytes of a whole `g` reply
 private:
  std::vector<Register> registers_;
  std::size_t size_ = 0;
};

/// Parses target.xml; `fetch` gives the text of a file named by xi:include (depth and count are bounded).
Result<RegisterLayout> parse_target_description(
    std::string_view target_xml, const std::function<Result<std::string>(const std::string&)>& fetch);

}  // namespace ringside::gdbstub
