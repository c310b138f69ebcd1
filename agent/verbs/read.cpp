// SPDX-License-Identifier: Apache-2.0
#include "agent/address_space_choice.h"
#include "agent/output/format.h"
#include "agent/process_memory_argument.h"
#include "agent/symbol_argument.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"
#include "guest/linux/symbol_extent.h"

#include <fmt/format.h>

#include <optional>
#include <ostream>

namespace ringside::agent {

namespace {

/// Bound on one read: all of it is held in memory. `snapshot save --full` is the way to take all of a guest.
constexpr std::uint64_t kMaxRead = std::uint64_t{256} << 20;

struct Arguments {
  std::string address, length;  // with --symbol the only one that is given is the length
  std::string symbol;
  std::optional<std::uint64_t> pid;
  bool physical = false, raw = false;
  std::string output;
  AddressSpaceChoice space;
};

/// What stands at a symbol has no size: up to the next symbol, but no more than can be looked at.
constexpr std::uint64_t kMaxObject = 256;

Outcome read(Context& context, const Arguments& arguments) {
  if (!arguments.symbol.empty() && !arguments.length.empty())
    return fail(Failure({Errc::invalid_argument, "ADDR and --symbol exclude each other"}, Exit::usage));
  std::uint64_t address = 0, length = 1;
  const std::string& size = arguments.symbol.empty() ? arguments.length : arguments.address;
  if (arguments.symbol.empty()) {
    RINGSIDE_TRY(address, parse_address(arguments.address));
  }
  if (!size.empty() || arguments.symbol.empty()) {
    RINGSIDE_TRY(length, parse_size(size));
  }
  if (length == 0 || length > kMaxRead)
    return fail(Failure({Errc::invalid_argument, fmt::format("cannot read {}", human_size(length)),
                         "LEN is 1 byte to 256M; snapshot save --full takes all of the RAM"}));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  if (!arguments.symbol.empty()) {
    RINGSIDE_TRY(auto* kernel, guest::linux::Kernel::of(*snapshot));
    RINGSIDE_TRY(const auto at, symbol_address(*kernel, arguments.symbol));
    address = at.value;
    if (size.empty()) length = guest::linux::bytes_to_next_symbol(*kernel, at, kMaxObject);
  }
  Bytes bytes(length);
  if (!arguments.symbol.empty()) {
    RINGSIDE_TRY(auto* kernel, guest::linux::Kernel::of(*snapshot));
    RINGSIDE_CHECK(kernel->space().read({address}, bytes));
  } else if (arguments.pid) {
    RINGSIDE_TRY(auto* kernel, guest::linux::Kernel::of(*snapshot));
    RINGSIDE_TRY(auto memory, memory_of_process(*kernel, *arguments.pid));
    RINGSIDE_CHECK(memory.read({address}, bytes));
  } else if (arguments.physical) {
    RINGSIDE_CHECK(snapshot->read({address}, bytes));
  } else {
    RINGSIDE_TRY(auto space, arguments.space.open(*snapshot));
    RINGSIDE_CHECK(space.read(guest::Gva{address}, bytes));
  }
  if (!arguments.output.empty()) {
    if (auto written = write_file(arguments.output, bytes); !written)
      return fail(Failure(std::move(written).error(), Exit::internal));
    return Exit::clean;
  }
  if (context.options.json)
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {"space", arguments.physical ? "physical"
                                           : arguments.pid    ? "user"
                                                              : "virtual"},
                                 {"address", json_address(address)},
                                 {"length", length},
                                 {"bytes", to_hex(bytes)}});
  else if (arguments.raw)
    context.out.write(reinterpret_cast<const char*>(bytes.data()),
                      static_cast<std::streamsize>(bytes.size()));
  else
    context.out << hexdump(address, bytes);
  return Exit::clean;
}

}  // namespace

void add_read(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("read", "Read guest memory");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  verb->add_option("ADDR", arguments->address,
                   "Guest-virtual address, or guest-physical with --physical; left out with --symbol")
      ->type_name("");
  verb->add_option(
          "LEN", arguments->length,
          "Bytes: 64, 0x40, 4K, 2M; with --symbol it may be left out: up to the next symbol, at most 256")
      ->type_name("");
  auto* physical = verb->add_flag("--physical", arguments->physical, "ADDR is guest-physical");
  auto* symbol =
      verb->add_option("--symbol", arguments->symbol, "At this symbol of the guest's kernel, or NAME+0x10")
          ->type_name("NAME")
          ->excludes(physical);
  auto* pid = verb->add_option("--pid", arguments->pid, "ADDR is of this process of a Linux guest")
                  ->type_name("PID")
                  ->excludes(physical)
                  ->excludes(symbol);
  arguments->space.add_to(*verb);
  for (const auto* other : {"--vcpu", "--cr3"}) pid->excludes(verb->get_option(other));
  auto* raw = verb->add_flag("--raw", arguments->raw, "The bytes themselves on stdout");
  verb->add_option("-o,--output", arguments->output, "The bytes into a file")
      ->type_name("FILE")
      ->excludes(raw);
  add_example(*verb,
              "  ringside read /run/vm.qmp 0xffffffff81000000 64\n"
              "  ringside read /run/vm.qmp --symbol linux_banner\n"
              "  ringside read /run/vm.qmp --pid 1 0x400000 64\n"
              "  ringside read /run/vm.qmp 0xf0000 64K --physical --output bios.bin");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return read(context, *arguments); };
  });
}

}  // namespace ringside::agent
