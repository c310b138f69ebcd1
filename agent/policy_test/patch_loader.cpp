// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_test/patch_loader.h"

#include "agent/policy_test/patched_snapshot.h"
#include "base/bytes.h"
#include "guest/x86/paging_format.h"
#include "policies/engine/spelling.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace ringside::agent {

using policies::Diagnosis;
using policies::Mapping;

unsigned line_of(const YAML::Node& node) {
  return static_cast<unsigned>(node.Mark().line + 1);
}

std::optional<std::uint64_t> read_number(Diagnosis& diagnosis, const Mapping& mapping, const char* key) {
  const auto text = mapping.text(key);
  if (!text) return std::nullopt;
  const auto number = parse_number(text->text);
  if (!number) diagnosis.error(text->node, fmt::format("`{}` is a number, decimal or 0x hexadecimal", key));
  return number;
}

namespace {

/// One key of `keys` must be there.
bool exactly_one(Diagnosis& diagnosis, const Mapping& mapping, const std::vector<std::string>& keys) {
  const auto there =
      std::count_if(keys.begin(), keys.end(), [&](const std::string& key) { return mapping.has(key); });
  if (there == 1) return true;
  std::string names;
  for (const auto& key : keys) names += (names.empty() ? "`" : ", `") + key + "`";
  diagnosis.error(mapping.node(), "a patch needs one of " + names);
  return false;
}

TestPatch::Memory read_memory(Diagnosis& diagnosis, const Mapping& mapping) {
  TestPatch::Memory memory;
  memory.gpa = read_number(diagnosis, mapping, "gpa");
  if (const auto gva = mapping.text("gva")) memory.gva = gva->text;
  if (const auto symbol = mapping.text("symbol")) memory.gva = symbol->text;
  if (!exactly_one(diagnosis, mapping, {"bytes", "pointer"})) return memory;
  if (const auto pointer = mapping.text("pointer")) memory.pointer = pointer->text;
  const auto bytes = mapping.text("bytes");
  if (bytes && !from_hex(bytes->text).value_or(Bytes()).empty())
    memory.bytes = bytes->text;
  else if (bytes)
    diagnosis.error(bytes->node, "`bytes` are hexadecimal digits, two a byte", "0f 01 ca");
  return memory;
}

TestPatch::Register read_register(Diagnosis& diagnosis, const Mapping& mapping) {
  TestPatch::Register change;
  const auto names = test_registers();
  if (const auto name = mapping.text("register")) {
    change.name = name->text;
    if (std::find(names.begin(), names.end(), name->text) == names.end())
      diagnosis.error(name->node, "there is no register `" + name->text.substr(0, 40) + "` to patch",
                      policies::suggestion(name->text, names));
  }
  change.vcpu = read_number(diagnosis, mapping, "vcpu").value_or(0);
  if (const auto value = mapping.text("value", true)) change.value = value->text;
  return change;
}

/// Bits of a page-table entry by the names of SDM vol. 3A, section 4.5, in words.
const std::map<std::string, std::uint64_t>& entry_bits() {
  namespace pte = guest::x86::pte;
  static const std::map<std::string, std::uint64_t> all = {
      {"present", pte::kPresent}, {"writable", pte::kWritable}, {"user", pte::kUser},
      {"global", pte::kGlobal},   {"dirty", pte::kDirty},       {"no-execute", pte::kNoExecute},
  };
  return all;
}

std::uint64_t read_bits(Diagnosis& diagnosis, const Mapping& mapping, const char* key) {
  std::uint64_t bits = 0;
  std::vector<std::string> names;
  for (const auto& [name, bit] : entry_bits()) names.push_back(name);
  for (const auto& name : mapping.list(key)) {
    if (const auto known = entry_bits().find(name.text); known != entry_bits().end())
      bits |= known->second;
    else
      diagnosis.error(name.node, "an entry of the page tables has no bit `" + name.text.substr(0, 40) + "`",
                      policies::suggestion(name.text, names));
  }
  return bits;
}

TestPatch::Mapping read_mapping(Diagnosis& diagnosis, const Mapping& mapping) {
  TestPatch::Mapping change;
  if (const auto gva = mapping.text("mapping", true)) change.gva = gva->text;
  if (const auto tables = mapping.text("tables")) change.tables = tables->text;
  if (const auto frame = mapping.text("frame")) change.frame = frame->text;
  change.set = read_bits(diagnosis, mapping, "set");
  change.clear = read_bits(diagnosis, mapping, "clear");
  if (change.set == 0 && change.clear == 0 && change.frame.empty())
    diagnosis.error(mapping.node(), "a patch of a mapping needs `set`, `clear` or `frame`");
  return change;
}

}  // namespace

TestPatch read_patch(Diagnosis& diagnosis, const YAML::Node& node) {
  TestPatch patch{TestPatch::Memory{}, line_of(node)};
  const auto about = [&](const char* key) { return node.IsMap() && node[key].IsDefined(); };
  if (about("register")) {
    const Mapping mapping(diagnosis, node, "a patch of a register", {"register", "vcpu", "value"});
    patch.what = read_register(diagnosis, mapping);
  } else if (about("query")) {
    const Mapping mapping(diagnosis, node, "a patch by a query", {"query"});
    if (const auto sql = mapping.text("query", true)) patch.what = TestPatch::Query{sql->text};
  } else if (about("mapping")) {
    const Mapping mapping(diagnosis, node, "a patch of a mapping",
                          {"mapping", "tables", "set", "clear", "frame"});
    patch.what = read_mapping(diagnosis, mapping);
  } else {
    const Mapping mapping(diagnosis, node, "a patch", {"gpa", "gva", "symbol", "bytes", "pointer"});
    if (node.IsMap() && exactly_one(diagnosis, mapping, {"gpa", "gva", "symbol"}))
      patch.what = read_memory(diagnosis, mapping);
  }
  return patch;
}

}  // namespace ringside::agent
