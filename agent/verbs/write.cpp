// SPDX-License-Identifier: Apache-2.0
#include "agent/address_space_choice.h"
#include "agent/audit_log.h"
#include "agent/output/format.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

constexpr std::size_t kMaxWrite = 64 * 1024;  // bytes; the guest stands still meanwhile

struct Arguments {
  std::uint64_t address = 0;
  std::string bytes, expect;
  bool physical = false, yes = false;
  AddressSpaceChoice space;
};

Attempt<Bytes> parse_bytes(const std::string& text, std::string_view what) {
  auto bytes = from_hex(text);
  if (!bytes || bytes->empty() || bytes->size() > kMaxWrite)
    return fail(Failure({Errc::invalid_argument, fmt::format("{} is no hexadecimal bytes", what),
                         "two digits a byte, like 0f01ca; at most 64 KiB"}));
  return std::move(*bytes);
}

using Writes = std::vector<guest::live::LiveGuest::PhysicalWrite>;

/// The write cut at page borders, since adjacent GVAs need not be adjacent in guest RAM; with the bytes that
/// stand there now as what is expected.
Attempt<Writes> plan(guest::Snapshot& snapshot, const Arguments& arguments, const Bytes& bytes) {
  std::optional<guest::AddressSpace> space;
  if (!arguments.physical) {
    RINGSIDE_TRY(auto opened, arguments.space.open(snapshot));
    space.emplace(std::move(opened));
  }
  Writes writes;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint64_t address = arguments.address + at;
    if (address < arguments.address)
      return fail(Failure({Errc::invalid_argument, "the write would wrap at the top of the address space"}));
    const std::size_t size =
        std::min<std::size_t>(bytes.size() - at, guest::kPageSize - address % guest::kPageSize);
    guest::Gpa gpa{address};
    if (space) {
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

Attempt<bool> holds(const Writes& writes, const Bytes& expect) {
  Bytes current;
  for (const auto& write : writes)
    current.insert(current.end(), write.expected.begin(), write.expected.end());
  if (expect == current) return true;
  return fail(
      Failure({Errc::mismatch, fmt::format("the guest holds {}, not the expected {}; nothing was written",
                                           to_hex(current), to_hex(expect))}));
}

Outcome write(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const Bytes bytes, parse_bytes(arguments.bytes, "HEXBYTES"));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::live::LiveGuest * live, session->need_live("write"));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  RINGSIDE_TRY(const Writes writes, plan(*snapshot, arguments, bytes));
  if (!arguments.expect.empty()) {
    RINGSIDE_TRY(const Bytes expect, parse_bytes(arguments.expect, "--expect"));
    RINGSIDE_CHECK(holds(writes, expect));
  }
  const guest::GuestInfo info = snapshot->info();
  if (arguments.yes) RINGSIDE_CHECK(audited_write(*live, "write", info, writes));
  if (context.options.json) {
    Json list = Json::array();
    for (const auto& one : writes)
      list.push_back({{"gpa", json_address(one.gpa.value)},
                      {"before", to_hex(one.expected)},
                      {"after", to_hex(one.replacement)}});
    write_document(context.out,
                   {{"guest", guest_json(info)}, {"written", arguments.yes}, {"writes", std::move(list)}});
    return Exit::clean;
  }
  for (const auto& one : writes)
    context.out << fmt::format("GPA {}  {} -> {}\n", guest::to_string(one.gpa), to_hex(one.expected),
                               to_hex(one.replacement));
  context.out << (arguments.yes
                      ? fmt::format("wrote {}: compared, written, read back\n", human_size(bytes.size()))
                      : fmt::format("{} would be written; --yes does it\n", human_size(bytes.size())));
  return Exit::clean;
}

}  // namespace

void add_write(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("write", "Write guest memory, with the guest stopped for it");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  add_number(*verb, "ADDR", arguments->address, "Guest-virtual address, or guest-physical with --physical")
      ->required()
      ->type_name("");
  verb->add_option("HEXBYTES", arguments->bytes, "Bytes to write: 0f01ca")->required()->type_name("");
  verb->add_option("--expect", arguments->expect, "Write only if these bytes stand there now")
      ->type_name("HEXBYTES");
  verb->add_flag("--physical", arguments->physical, "ADDR is guest-physical");
  verb->add_flag("--yes", arguments->yes, "Do it; without, only what would be done is shown");
  arguments->space.add_to(*verb);
  add_example(*verb, "  ringside write /run/vm.qmp 0xffffffff82000000 90 --expect cc --yes");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return write(context, *arguments); };
  });
}

}  // namespace ringside::agent
