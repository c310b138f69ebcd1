// SPDX-License-Identifier: Apache-2.0
#include "agent/guarded_write.h"

#include "agent/audit_log.h"
#include "agent/output/format.h"
#include "agent/verbs/support.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace ringside::agent {

namespace {

constexpr std::size_t kMaxWrite = 64 * 1024;  // bytes; the guest stands still meanwhile

Attempt<bool> holds(const Writes& writes, const Bytes& expect) {
  Bytes current;
  for (const auto& write : writes)
    current.insert(current.end(), write.expected.begin(), write.expected.end());
  if (expect == current) return true;
  return fail(
      Failure({Errc::mismatch, fmt::format("the guest holds {}, not the expected {}; nothing was written",
                                           to_hex(current), to_hex(expect))}));
}

}  // namespace

std::array<CLI::Option*, 2> WriteGuards::add_to(CLI::App& verb) {
  return {
      verb.add_option("--expect", expect, "Write only if these bytes stand there now")->type_name("HEXBYTES"),
      verb.add_flag("--yes", yes, "Do it; without, only what would be done is shown")};
}

Attempt<Bytes> parse_bytes(const std::string& text, std::string_view what) {
  auto bytes = from_hex(text);
  if (!bytes || bytes->empty() || bytes->size() > kMaxWrite)
    return fail(Failure({Errc::invalid_argument, fmt::format("{} is no hexadecimal bytes", what),
                         "two digits a byte, like 0f01ca; at most 64 KiB"}));
  return std::move(*bytes);
}

Attempt<Writes> plan_write(guest::Snapshot& snapshot, guest::AddressSpace* space, std::uint64_t start,
                           const Bytes& bytes) {
  Writes writes;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint64_t address = start + at;
    if (address < start)
      return fail(Failure({Errc::invalid_argument, "the write would wrap at the top of the address space"}));
    const std::size_t size =
        std::min<std::size_t>(bytes.size() - at, guest::kPageSize - address % guest::kPageSize);
    guest::Gpa gpa{address};
    if (space != nullptr) {
      RINGSIDE_TRY(gpa, space->translate({address}));
    }
    guest::live::LiveGuest::PhysicalWrite write;
    write.gpa = gpa;
    write.expected.resize(size);
    RINGSIDE_CHECK(snapshot.read(gpa, write.expected));
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    write.replacement.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    writes.push_back(std::move(write));
    at += size;
  }
  return writes;
}

Outcome carry_out(Context& context, guest::live::LiveGuest& live, const guest::GuestInfo& info,
                  std::string_view action, const Writes& writes, const WriteGuards& guards,
                  const Json& more) {
  if (!guards.expect.empty()) {
    RINGSIDE_TRY(const Bytes expect, parse_bytes(guards.expect, "--expect"));
    RINGSIDE_CHECK(holds(writes, expect));
  }
  if (guards.yes) RINGSIDE_CHECK(audited_write(live, action, info, writes));
  if (context.options.json) {
    Json list = Json::array();
    for (const auto& one : writes)
      list.push_back({{"gpa", json_address(one.gpa.value)},
                      {"before", to_hex(one.expected)},
                      {"after", to_hex(one.replacement)}});
    Json document{{"guest", guest_json(info)}, {"written", guards.yes}, {"writes", std::move(list)}};
    document.update(more);
    write_document(context.out, document);
    return Exit::clean;
  }
  std::size_t bytes = 0;
  for (const auto& one : writes) {
    bytes += one.replacement.size();
    context.out << fmt::format("GPA {}  {} -> {}\n", guest::to_string(one.gpa), to_hex(one.expected),
                               to_hex(one.replacement));
  }
  context.out << (guards.yes ? fmt::format("wrote {}: compared, written, read back\n", human_size(bytes))
                             : fmt::format("{} would be written; --yes does it\n", human_size(bytes)));
  return Exit::clean;
}

}  // namespace ringside::agent
