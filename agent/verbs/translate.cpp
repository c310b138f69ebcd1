// SPDX-License-Identifier: Apache-2.0
#include "agent/address_space_choice.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <ostream>

namespace ringside::agent {

namespace {

namespace x86 = guest::x86;

struct Arguments {
  std::vector<std::string> addresses;
  AddressSpaceChoice space;
};

/// Names of the tables by level (SDM vol. 3A, section 4.2).
std::string_view level_name(unsigned level) {
  static constexpr std::array<std::string_view, 6> kNames{"?", "PT", "PD", "PDPT", "PML4", "PML5"};
  return kNames[level < kNames.size() ? level : 0];
}

std::string rights(const x86::Permissions& permissions) {
  return fmt::format("{}{}{} {}", 'r', permissions.writable ? 'w' : '-', permissions.executable ? 'x' : '-',
                     permissions.user ? "user" : "supervisor");
}

/// Flags of one entry that hold at every level (SDM vol. 3A, tables 4-14 to 4-20).
std::string entry_flags(std::uint64_t entry, unsigned level) {
  std::string flags;
  const auto add = [&](bool on, std::string_view name) {
    if (on) flags += flags.empty() ? std::string(name) : fmt::format(" {}", name);
  };
  add((entry & 1) != 0, "P");
  add((entry & 2) != 0, "RW");
  add((entry & 4) != 0, "US");
  add((entry & 32) != 0, "A");
  add((entry & 64) != 0, "D");
  add(level > 1 && (entry & 128) != 0, "PS");
  add((entry & 256) != 0, "G");
  add((entry >> 63) != 0, "NX");
  return flags;
}

template <class Walk>  // Translation or WalkFailure
std::string render_steps(const Walk& walk, const Style& style) {
  TextTable table({{"LEVEL"}, {"ENTRY AT"}, {"ENTRY"}, {"FLAGS"}});
  for (unsigned i = 0; i < walk.step_count; ++i) {
    const auto& step = walk.steps[i];
    table.add({std::string(level_name(step.level)), guest::to_string(step.entry_gpa), hex_address(step.entry),
               entry_flags(step.entry, step.level)});
  }
  return table.empty() ? "" : table.render(style, 2);
}

template <class Walk>
Json steps_json(const Walk& walk) {
  Json steps = Json::array();
  for (unsigned i = 0; i < walk.step_count; ++i)
    steps.push_back({{"level", walk.steps[i].level},
                     {"table", level_name(walk.steps[i].level)},
                     {"entry_gpa", json_address(walk.steps[i].entry_gpa.value)},
                     {"entry", json_address(walk.steps[i].entry)}});
  return steps;
}

Outcome translate(Context& context, const Arguments& arguments) {
  std::vector<guest::Gva> gvas;
  for (const auto& text : arguments.addresses) {
    const auto number = parse_number(text);
    if (!number)
      return fail(Failure({Errc::invalid_argument, fmt::format("\"{}\" is no address", text),
                           "write it like 0xffffffff81000000"}));
    gvas.push_back({*number});
  }
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  RINGSIDE_TRY(auto space, arguments.space.open(*snapshot));
  const x86::PagingMode mode = space.tables().root().mode;
  const Style style = context.style();
  Exit exit = Exit::clean;
  Json list = Json::array();
  for (const guest::Gva gva : gvas) {
    const auto walk = space.tables().translate(gva);
    if (!walk) exit = Exit::unchecked;
    if (context.options.json) {
      Json one{{"gva", json_address(gva.value)}};
      if (walk) {
        one["gpa"] = json_address(walk->gpa.value);
        one["page_size"] = walk->page_size;
        one["writable"] = walk->permissions.writable;
        one["user"] = walk->permissions.user;
        one["executable"] = walk->permissions.executable;
        one["global"] = walk->global;
        one["steps"] = steps_json(*walk);
      } else {
        one["gpa"] = nullptr;
        one["error"] = json_error(walk.error().error);
        one["steps"] = steps_json(walk.error());
      }
      list.push_back(std::move(one));
      continue;
    }
    if (walk)
      context.out << fmt::format("{} -> {}  {} page, {}{}\n", style.bold(guest::to_string(gva)),
                                 style.bold(guest::to_string(walk->gpa)), human_size(walk->page_size),
                                 rights(walk->permissions), walk->global ? ", global" : "")
                  << render_steps(*walk, style);
    else
      context.out << fmt::format("{} -> {}\n", style.bold(guest::to_string(gva)),
                                 style.yellow(walk.error().error.message))
                  << render_steps(walk.error(), style);
  }
  if (context.options.json)
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {"paging", x86::to_string(mode)},
                                 {"translations", std::move(list)}});
  return exit;
}

}  // namespace

void add_translate(CLI::App& app, Context& context) {
  auto* verb =
      app.add_subcommand("translate", "Walk the page tables for guest-virtual addresses, level by level");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  verb->add_option("GVA", arguments->addresses, "Guest-virtual addresses")->required()->type_name("");
  arguments->space.add_to(*verb);
  add_example(*verb, "  ringside translate /run/vm.qmp 0xffffffff81000000");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return translate(context, *arguments); };
  });
}

}  // namespace ringside::agent
