// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/btf_oracle.h"

#include "tests/lab/process.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

namespace ringside::lab {

namespace {

bool is_struct(const std::string& kind) {
  return kind == "STRUCT" || kind == "UNION";
}

}  // namespace

Result<BtfOracle> BtfOracle::of(const std::string& file, const BtfOracle* base) {
  BtfOracle oracle;
  oracle.file_ = file;
  std::vector<std::string> command = {"bpftool"};
  oracle.base_ = base;
  if (base != nullptr) command.insert(command.end(), {"--base-btf", base->file_});
  command.insert(command.end(), {"btf", "dump", "file", file, "format", "raw"});
  // Debian keeps it where only root's PATH leads.
  RINGSIDE_TRY(const Finished done, run_program(command, {"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}));
  if (done.status == 127) return fail(Errc::unavailable, "no bpftool here (run scripts/install-deps)");
  if (done.status != 0) return fail(Errc::io, "bpftool: " + done.err);
  std::istringstream lines(done.out);
  Type* current = nullptr;
  for (std::string text; std::getline(lines, text);) {
    if (text.starts_with('[')) {
      const auto id = static_cast<Id>(std::strtoul(text.c_str() + 1, nullptr, 10));
      current = &oracle.types_[id];
      static_cast<Line&>(*current) = line_of(std::string_view(text).substr(text.find(' ') + 1));
    } else if (current != nullptr) {
      current->parts.push_back(line_of(text));
    }
  }
  return oracle;
}

BtfOracle::Line BtfOracle::line_of(std::string_view text) {
  Line line;
  const auto open = text.find('\''), close = text.find("' ", open + 1);
  line.kind = text.substr(0, text.find(' '));
  if (open == std::string_view::npos || close == std::string_view::npos) return line;
  line.name = text.substr(open + 1, close - open - 1);
  if (line.name == "(anon)") line.name.clear();
  std::istringstream words{std::string(text.substr(close + 2))};
  for (std::string word; words >> word;)
    if (const auto equal = word.find('='); equal != std::string::npos)
      line.values[word.substr(0, equal)] = word.substr(equal + 1);
  return line;
}

std::uint64_t BtfOracle::Line::number(std::string_view key) const {
  const auto found = values.find(key);
  if (found == values.end()) return 0;
  // A negative value is printed with its sign.
  return found->second.starts_with('-') ? static_cast<std::uint64_t>(std::stoll(found->second))
                                        : std::stoull(found->second);
}

std::vector<BtfOracle::Id> BtfOracle::structs() const {
  std::vector<Id> ids;
  for (const auto& [id, type] : types_)
    if (is_struct(type.kind)) ids.push_back(id);
  return ids;
}

std::vector<BtfOracle::Id> BtfOracle::enums() const {
  std::vector<Id> ids;
  for (const auto& [id, type] : types_)
    if (type.kind == "ENUM" || type.kind == "ENUM64") ids.push_back(id);
  return ids;
}

const BtfOracle::Type& BtfOracle::type(Id id) const {
  const auto own = types_.find(id);
  return own != types_.end() || base_ == nullptr ? types_.at(id) : base_->type(id);
}

BtfOracle::Id BtfOracle::strip(Id id) const {
  static const std::set<std::string> kTransparent = {"TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG"};
  while (id != 0 && kTransparent.contains(type(id).kind)) id = static_cast<Id>(type(id).number("type_id"));
  return id;
}

std::uint64_t BtfOracle::size_of(Id id) const {
  const Type& bare = type(strip(id));
  if (bare.kind == "PTR") return 8;
  if (bare.kind == "ARRAY") return bare.number("nr_elems") * size_of(static_cast<Id>(bare.number("type_id")));
  return bare.number("size");
}

void BtfOracle::collect(Id id, std::uint64_t offset, std::vector<Member>& into) const {
  for (const Line& part : type(id).parts) {
    Member member;
    member.name = part.name;
    member.type = static_cast<Id>(part.number("type_id"));
    const Id bare = strip(member.type);
    const Type& stripped = type(bare);
    std::uint64_t bits = part.number("bits_offset"), bit_size = part.number("bitfield_size");
    if (member.name.empty()) {
      if (is_struct(stripped.kind)) collect(bare, offset + bits / 8, into);
      continue;
    }
    if (bit_size == 0 && stripped.kind == "INT" &&
        (stripped.number("bits_offset") != 0 || stripped.number("nr_bits") != 8 * stripped.number("size"))) {
      bits += stripped.number("bits_offset");
      bit_size = stripped.number("nr_bits");
    }
    auto& field = member.field;
    field.offset = static_cast<std::uint32_t>(offset + bits / 8);
    field.size = static_cast<std::uint32_t>(size_of(member.type));
    if (bit_size != 0) {
      field.bit_offset = static_cast<std::uint8_t>(bits % 8);
      field.bit_size = static_cast<std::uint8_t>(bit_size);
      field.size = static_cast<std::uint32_t>((bits % 8 + bit_size + 7) / 8);
    }
    Id element = bare;
    if (stripped.kind == "ARRAY") field.count = 1;
    while (type(element).kind == "ARRAY") {
      field.count *= static_cast<std::uint32_t>(type(element).number("nr_elems"));
      element = strip(static_cast<Id>(type(element).number("type_id")));
      field.element_size = static_cast<std::uint32_t>(size_of(element));
    }
    const Type& scalar = type(element);
    field.is_pointer = scalar.kind == "PTR";
    const auto encoding = scalar.values.find("encoding");
    field.is_signed = encoding != scalar.values.end() && encoding->second == "SIGNED";
    member.is_enum = scalar.kind == "ENUM";
    into.push_back(std::move(member));
  }
}

std::vector<BtfOracle::Member> BtfOracle::members(Id id) const {
  std::vector<Member> all;
  collect(id, 0, all);
  return all;
}

std::vector<BtfOracle::Enumerator> BtfOracle::enumerators(Id id) const {
  std::vector<Enumerator> all;
  for (const Line& part : type(id).parts)
    all.push_back({part.name, static_cast<std::uint32_t>(part.number("val"))});
  return all;
}

}  // namespace ringside::lab
