// SPDX-License-Identifier: Apache-2.0
#include "agent/address_space_choice.h"
#include "agent/guarded_write.h"
#include "agent/symbol_argument.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <memory>
#include <optional>

namespace ringside::agent {

namespace {

struct Arguments {
  std::string address, bytes;  // with --symbol the only one that is given is the bytes
  std::string symbol;
  bool physical = false;
  WriteGuards guards;
  AddressSpaceChoice space;
};

Outcome write(Context& context, const Arguments& arguments) {
  const bool named = !arguments.symbol.empty();
  if (named && !arguments.bytes.empty())
    return fail(Failure({Errc::invalid_argument, "ADDR and --symbol exclude each other"}, Exit::usage));
  std::uint64_t address = 0;
  if (!named) {
    RINGSIDE_TRY(address, parse_address(arguments.address));
  }
  RINGSIDE_TRY(const Bytes bytes, parse_bytes(named ? arguments.address : arguments.bytes, "HEXBYTES"));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::live::LiveGuest * live, session->need_live("write"));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  std::optional<guest::AddressSpace> opened;
  guest::AddressSpace* space = nullptr;
  if (named) {
    RINGSIDE_TRY(auto* kernel, guest::linux::Kernel::of(*snapshot));
    RINGSIDE_TRY(const auto at, symbol_address(*kernel, arguments.symbol));
    address = at.value;
    space = &kernel->space();
  } else if (!arguments.physical) {
    RINGSIDE_TRY(auto chosen, arguments.space.open(*snapshot));
    space = &opened.emplace(std::move(chosen));
  }
  RINGSIDE_TRY(const Writes writes, plan_write(*snapshot, space, address, bytes));
  return carry_out(context, *live, snapshot->info(), "write", writes, arguments.guards);
}

}  // namespace

void add_write(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("write", "Write guest memory, with the guest stopped for it");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  verb->add_option("ADDR", arguments->address,
                   "Guest-virtual address, or guest-physical with --physical; left out with --symbol")
      ->type_name("");
  verb->add_option("HEXBYTES", arguments->bytes, "Bytes to write: 0f01ca")->type_name("");
  auto* physical = verb->add_flag("--physical", arguments->physical, "ADDR is guest-physical");
  auto* symbol =
      verb->add_option("--symbol", arguments->symbol, "At this symbol of the guest's kernel, or NAME+0x10")
          ->type_name("NAME")
          ->excludes(physical);
  arguments->guards.add_to(*verb);
  arguments->space.add_to(*verb);
  for (const auto* other : {"--vcpu", "--cr3"}) symbol->excludes(verb->get_option(other));
  add_example(*verb, "  ringside write /run/vm.qmp 0xffffffff82000000 90 --expect cc --yes");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return write(context, *arguments); };
  });
}

}  // namespace ringside::agent
