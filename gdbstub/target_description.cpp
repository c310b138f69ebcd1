// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/target_description.h"

#include <fmt/format.h>
#include <pugixml.hpp>

#include <algorithm>
#include <set>

namespace ringside::gdbstub {

namespace {

// QEMU's x86 descriptions: one include, some 70 registers of 16 bytes at most, 8 KiB of text.
constexpr std::size_t kMaxText = 1024 * 1024;
constexpr unsigned kMaxDepth = 8;
constexpr unsigned kMaxIncludes = 32;
constexpr std::size_t kMaxRegisters = 2048;
constexpr unsigned kMaxRegisterNumber = 65'535;
constexpr unsigned kMaxRegisterBits = 8 * 1024;  ///< AMX tile data, the largest x86 register

using Fetch = std::function<Result<std::string>(const std::string&)>;

/// The name goes into a `qXfer` packet, where `:` separates fields.
bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

/// A decimal number in an attribute, `maximum` at most.
std::optional<unsigned> number(std::string_view text, unsigned maximum) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  const auto value = parse_number(text);
  if (!value || *value > maximum) return std::nullopt;
  return static_cast<unsigned>(*value);
}

/// Walks the elements of a description and of the files that it includes.
class Collector {
 public:
  explicit Collector(const Fetch& fetch) : fetch_(fetch) {}

  Result<void> document(std::string_view xml, unsigned depth) {
    if (xml.size() > kMaxText)
      return fail(Errc::oversized, fmt::format("a target description of {} bytes is too long", xml.size()));
    pugi::xml_document parsed;
    // Entities of a DTD are not expanded: pugixml skips the DOCTYPE and keeps unknown references as text.
    const auto outcome =
        parsed.load_buffer(xml.data(), xml.size(), pugi::parse_minimal | pugi::parse_escapes);
    if (!outcome)
      return fail(Errc::malformed, fmt::format("the target description is no XML: {} at byte {}",
                                               outcome.description(), outcome.offset));
    return element(parsed.document_element(), depth);
  }

  std::vector<Register> take() { return std::move(registers_); }

 private:
  Result<void> element(const pugi::xml_node& node, unsigned depth) {
    if (depth > kMaxDepth)
      return fail(Errc::malformed, fmt::format("the target description nests deeper than {}", kMaxDepth));
    const std::string_view name = node.name();
    if (name == "reg") return add(node);
    if (name == "xi:include") return include(node, depth);
    if (name != "target" && name != "feature") return {};
    for (const auto& child : node.children()) RINGSIDE_CHECK(element(child, depth + 1));
    return {};
  }

  Result<void> include(const pugi::xml_node& node, unsigned depth) {
    const std::string file = node.attribute("href").value();
    if (!is_file_name(file))
      return fail(Errc::malformed, "the target description includes a file without a plain name");
    if (++includes_ > kMaxIncludes)
      return fail(Errc::malformed,
                  fmt::format("the target description includes more than {} files", kMaxIncludes));
    RINGSIDE_TRY(const auto xml, fetch_(file));
    return document(xml, depth + 1);
  }

  Result<void> add(const pugi::xml_node& node) {
    if (registers_.size() == kMaxRegisters)
      return fail(Errc::malformed,
                  fmt::format("the target description has more than {} registers", kMaxRegisters));
    Register reg;
    reg.name = node.attribute("name").value();
    if (reg.name.empty() || reg.name.size() > 64)
      return fail(Errc::malformed, "the target description has a register without a usable name");
    const auto bits = number(node.attribute("bitsize").value(), kMaxRegisterBits);
    if (!bits || *bits == 0 || *bits % 8 != 0)
      return fail(Errc::malformed, fmt::format("register {} has no usable bitsize", reg.name));
    reg.size = *bits / 8;
    // Without a regnum a register follows the one before it (GDB manual, "Target Description Format").
    reg.number = next_number_;
    if (const auto attribute = node.attribute("regnum")) {
      const auto given = number(attribute.value(), kMaxRegisterNumber);
      if (!given) return fail(Errc::malformed, fmt::format("register {} has no usable regnum", reg.name));
      reg.number = *given;
    }
    next_number_ = reg.number + 1;
    if (!names_.insert(reg.name).second || !numbers_.insert(reg.number).second)
      return fail(Errc::malformed, fmt::format("register {} ({}) is described twice", reg.name, reg.number));
    registers_.push_back(std::move(reg));
    return {};
  }

  const Fetch& fetch_;
  std::vector<Register> registers_;
  std::set<std::string> names_;
  std::set<unsigned> numbers_;
  unsigned next_number_ = 0;
  unsigned includes_ = 0;
};

}  // namespace

RegisterLayout::RegisterLayout(std::vector<Register> registers) : registers_(std::move(registers)) {
  std::sort(registers_.begin(), registers_.end(),
            [](const Register& a, const Register& b) { return a.number < b.number; });
  for (auto& reg : registers_) {
    reg.offset = size_;
    size_ += reg.size;
  }
}

const Register* RegisterLayout::find(std::string_view name) const {
  const auto found = std::find_if(registers_.begin(), registers_.end(),
                                  [name](const Register& reg) { return reg.name == name; });
  return found == registers_.end() ? nullptr : &*found;
}

Result<RegisterLayout> parse_target_description(
    std::string_view target_xml, const std::function<Result<std::string>(const std::string&)>& fetch) {
  Collector collector(fetch);
  RINGSIDE_CHECK(collector.document(target_xml, 0));
  auto registers = collector.take();
  if (registers.empty()) return fail(Errc::malformed, "the target description has no registers");
  return RegisterLayout(std::move(registers));
}

}  // namespace ringside::gdbstub
