// SPDX-License-Identifier: Apache-2.0
#include "agent/address_space_choice.h"
#include "agent/output/format.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <ostream>

namespace ringside::agent {

namespace {

/// Bound on one read: all of it is held in memory. `snapshot save --full` is the way to take all of a guest.
constexpr std::uint64_t kMaxRead = std::uint64_t{256} << 20;

struct Arguments {
  std::uint64_t address = 0;
  std::string length;
  bool physical = false, raw = false;
  std::string output;
  AddressSpaceChoice space;
};

Outcome read(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const std::uint64_t length, parse_size(arguments.length));
  if (length == 0 || length > kMaxRead)
    return fail(Failure({Errc::invalid_argument, fmt::format("cannot read {}", human_size(length)),
                         "LEN is 1 byte to 256M; snapshot save --full takes all of the RAM"}));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  Bytes bytes(length);
  if (arguments.physical) {
    RINGSIDE_CHECK(snapshot->read({arguments.address}, bytes));
  } else {
    RINGSIDE_TRY(auto space, arguments.space.open(*snapshot));
    RINGSIDE_CHECK(space.read(guest::Gva{arguments.address}, bytes));
  }
  if (!arguments.output.empty()) {
    if (auto written = write_file(arguments.output, bytes); !written)
      return fail(Failure(std::move(written).error(), Exit::internal));
    return Exit::clean;
  }
  if (context.options.json)
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {"space", arguments.physical ? "physical" : "virtual"},
                                 {"address", json_address(arguments.address)},
                                 {"length", length},
                                 {"bytes", to_hex(bytes)}});
  else if (arguments.raw)
    context.out.write(reinterpret_cast<const char*>(bytes.data()),
                      static_cast<std::streamsize>(bytes.size()));
  else
    context.out << hexdump(arguments.address, bytes);
  return Exit::clean;
}

}  // namespace

void add_read(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("read", "Read guest memory");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  add_number(*verb, "ADDR", arguments->address, "Guest-virtual address, or guest-physical with --physical")
      ->required()
      ->type_name("");
  verb->add_option("LEN", arguments->length, "Bytes: 64, 0x40, 4K, 2M")->required()->type_name("");
  verb->add_flag("--physical", arguments->physical, "ADDR is guest-physical");
  arguments->space.add_to(*verb);
  auto* raw = verb->add_flag("--raw", arguments->raw, "The bytes themselves on stdout");
  verb->add_option("-o,--output", arguments->output, "The bytes into a file")
      ->type_name("FILE")
      ->excludes(raw);
  add_example(*verb,
              "  ringside read /run/vm.qmp 0xffffffff81000000 64\n"
              "  ringside read /run/vm.qmp 0xf0000 64K --physical --output bios.bin");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return read(context, *arguments); };
  });
}

}  // namespace ringside::agent
