// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/terminals.h"

#include "guest/linux/symbol_extent.h"
#include "guest/linux/tasks.h"

#include <unordered_set>

namespace ringside::guest::linux {

namespace {

using Kind = Hook::Kind;
using Presence = ObjectReader::Presence;

constexpr std::uint64_t kMaxDisciplines = 64;      // NR_LDISCS is 30 or 31
constexpr std::uint64_t kMaxTerminals = 1u << 12;  // of one driver

class TerminalReader {
 public:
  TerminalReader(Kernel& kernel, Hooks& into)
      : kernel_(kernel),
        into_(into),
        tty_(kernel, "tty_struct"),
        ldisc_(kernel, "tty_ldisc"),
        name_(tty_.object().add("name")),
        ldisc_of_(tty_.object().add("ldisc")) {
    tty_.add("ops", {"ops"}, Kind::table);
    ldisc_.add("ldisc", {"ops"}, Kind::table);
  }
  std::optional<Error> problem() const {
    if (auto why = tty_.problem()) return why;
    return ldisc_.problem();
  }
  void take(Gva tty) {
    if (tty.value == 0 || !seen_.insert(tty.value).second) return;
    if (auto done = read(tty); !done) into_.problem(done.error().within("terminal at " + to_string(tty)));
  }

 private:
  Result<void> read(Gva tty) {
    RINGSIDE_CHECK(tty_.read(tty));
    Hook like;
    like.group = "tty";
    like.name = tty_.object().text(name_).value_or("");
    tty_.append(like, into_);
    const Gva discipline = tty_.object().pointer(ldisc_of_).value_or(Gva{0});
    if (discipline.value == 0) return {};  // a terminal that is being hung up
    RINGSIDE_CHECK(ldisc_.read(discipline));
    ldisc_.append(std::move(like), into_);
    return {};
  }

  Kernel& kernel_;
  Hooks& into_;
  HookReader tty_, ldisc_;
  ObjectReader::Member name_, ldisc_of_;
  std::unordered_set<std::uint64_t> seen_;
};

void take_controlling(Kernel& kernel, TerminalReader& reader, Hooks& into) {
  const auto tty = kernel.field("signal_struct", "tty");
  if (!tty) return into.problem(tty.error().within("controlling terminals"));
  TaskQuery query;
  query.parts = TaskParts::pointers;
  const auto all = tasks(kernel, query);
  for (const auto& error : all.problems) into.problem(error);
  for (const Task& task : all.entries) {
    if (!task.signal || task.signal->value == 0) continue;
    const auto at = kernel.read_pointer_field(*task.signal, *tty);
    if (at)
      reader.take(*at);
    else
      into.problem(at.error().within("controlling terminals"));
  }
}

}  // namespace

Result<Hooks> line_disciplines(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  HookReader discipline(kernel, "tty_ldisc_ops", HookReader::Members::functions);
  const auto name = discipline.object().add("name", Presence::optional);
  if (discipline.problem()) return fail(discipline.problem()->within("line disciplines"));
  RINGSIDE_TRY(const Gva table, kernel.symbol("tty_ldiscs"));
  const std::uint64_t count = array_length(kernel, table, kernel.pointer_size(), kMaxDisciplines);
  for (std::uint64_t i = 0; i < count; ++i) {
    RINGSIDE_TRY(const Gva at, kernel.read_pointer(table + i * kernel.pointer_size()));
    if (at.value == 0) continue;
    if (auto read = discipline.read(at); !read) {
      hooks.problem(read.error().within("line discipline " + std::to_string(i)));
      continue;
    }
    Hook like;
    like.group = "tty_ldiscs";
    like.number = static_cast<std::int64_t>(i);
    like.name = text_at(kernel, discipline.object().pointer(name));
    discipline.append(std::move(like), hooks);
  }
  return hooks;
}

Result<Hooks> tty_drivers(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  HookReader driver(kernel, "tty_driver");
  driver.add("ops", {"ops"}, Kind::table);
  const auto name = driver.object().add("name"), count = driver.object().add("num"),
             terminals = driver.object().add("ttys");
  TerminalReader reader(kernel, hooks);
  if (driver.problem()) return fail(driver.problem()->within("drivers of terminals"));
  if (reader.problem()) return fail(reader.problem()->within("terminals"));
  RINGSIDE_TRY(const Gva head, kernel.symbol("tty_drivers"));
  each_in_list(kernel, head, "tty_driver", "tty_drivers", "tty_drivers", hooks, [&](Gva at) {
    if (auto read = driver.read(at); !read) return hooks.problem(read.error().within("tty_drivers"));
    Hook like;
    like.group = "tty_drivers";
    like.name = text_at(kernel, driver.object().pointer(name));
    driver.append(std::move(like), hooks);
    // The drivers of pseudo terminals keep no table: theirs are found by the processes that use them.
    const Gva table = driver.object().pointer(terminals).value_or(Gva{0});
    const std::uint64_t all = driver.object().u32(count).value_or(0);
    if (table.value == 0) return;
    if (all > kMaxTerminals)
      hooks.problem({Errc::out_of_bounds, "a driver of " + std::to_string(all) + " terminals"});
    for (std::uint64_t i = 0; i < std::min(all, kMaxTerminals); ++i) {
      const auto tty = kernel.read_pointer(table + i * kernel.pointer_size());
      if (!tty) return hooks.problem(tty.error().within("terminals of a driver"));
      reader.take(*tty);
    }
  });
  take_controlling(kernel, reader, hooks);
  return hooks;
}

Result<Hooks> sysrq_keys(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  const auto table = kernel.find_symbol("sysrq_key_table");
  if (!table) return hooks;  // CONFIG_MAGIC_SYSRQ is off
  HookReader key(kernel, "sysrq_key_op", HookReader::Members::functions);
  if (key.problem()) return fail(key.problem()->within("SysRq keys"));
  // sysrq_key_table_key2index(): digits, small letters, from 5.13 on capital ones.
  constexpr std::string_view kKeys = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::uint64_t count = array_length(kernel, *table, kernel.pointer_size(), kKeys.size());
  for (std::uint64_t i = 0; i < count; ++i) {
    RINGSIDE_TRY(const Gva at, kernel.read_pointer(*table + i * kernel.pointer_size()));
    if (at.value == 0) continue;
    if (auto read = key.read(at); !read) {
      hooks.problem(read.error().within(std::string("SysRq key ") + kKeys[i]));
      continue;
    }
    Hook like;
    like.group = "sysrq_key_table";
    like.name = kKeys[i];
    key.append(std::move(like), hooks);
  }
  return hooks;
}

Result<Hooks> input_handlers(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  struct List {
    const char *symbol, *type;
  };
  for (const List& list :
       {List{"input_handler_list", "input_handler"}, List{"input_dev_list", "input_dev"}}) {
    const auto head = kernel.find_symbol(list.symbol);
    if (!head) continue;
    HookReader object(kernel, list.type, HookReader::Members::functions);
    const auto name = object.object().add("name");
    if (object.problem()) {
      hooks.problem(object.problem()->within(list.symbol));
      continue;
    }
    each_in_list(kernel, *head, list.type, "node", list.symbol, hooks, [&](Gva at) {
      if (auto read = object.read(at); !read) return hooks.problem(read.error().within(list.symbol));
      Hook like;
      like.group = list.symbol;
      like.name = text_at(kernel, object.object().pointer(name));
      object.append(std::move(like), hooks);
    });
  }
  return hooks;
}

}  // namespace ringside::guest::linux
