// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/vmcoreinfo.h"

#include "guest/linux/referenced_variables.h"

#include <algorithm>
#include <charconv>

namespace ringside::guest::linux {

Result<Vmcoreinfo> Vmcoreinfo::parse(std::string_view text) {
  text = text.substr(0, kPageSize);
  text = text.substr(0, text.find('\0'));
  if (!text.starts_with("OSRELEASE="))
    return fail(Errc::malformed, "vmcoreinfo does not start with OSRELEASE");
  Vmcoreinfo info;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (const auto equals = line.find('='); equals != std::string_view::npos)
      info.values_.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return info;
}

std::optional<std::string> Vmcoreinfo::value(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Gva> Vmcoreinfo::symbol(std::string_view name) const {
  const auto text = value("SYMBOL(" + std::string(name) + ")");
  if (!text) return std::nullopt;
  std::uint64_t address = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), address, 16);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return Gva{address};
}

Result<Vmcoreinfo> find_vmcoreinfo(Kernel& kernel) {
  auto variable = kernel.symbols().find("vmcoreinfo_data") ? kernel.find_symbol("vmcoreinfo_data")
                                                           : referenced_variable(kernel, "vmcoreinfo_data");
  if (!variable) return fail(Errc::not_found, "the kernel's vmcoreinfo was not found");
  RINGSIDE_TRY(const Gva data, kernel.read_pointer(*variable));
  RINGSIDE_TRY(const std::string text, kernel.read_string(data, kPageSize));
  return Vmcoreinfo::parse(text);
}

}  // namespace ringside::guest::linux
