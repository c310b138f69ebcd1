// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/kernel_functions.h"

// Before any system header can: see there.
#include "guest/linux/linux_macro.h"
#include "guest/linux/symboliser.h"
#include "guest/linux/views/bpf_in_hand.h"
#include "guest/linux/views/held_locks.h"
#include "guest/linux/views/module_release.h"
#include "policies/engine/virtual_table.h"

#include <string>
#include <string_view>

namespace ringside::policies {

namespace {

using guest::Gva;
using guest::linux::Kernel;
using guest::linux::Symboliser;

/// The kernel of the snapshot that is bound; nullptr: there is none, and the query knows.
Kernel* kernel_of(sqlite3_context* call, std::string_view function) {
  auto& context = *static_cast<TableContext*>(sqlite3_user_data(call));
  if (context.snapshot == nullptr) {
    context.failure = Error{Errc::unavailable, "no snapshot is bound"};
    sqlite3_result_error(call, context.failure->message.c_str(), -1);
    return nullptr;
  }
  auto kernel = Kernel::of(*context.snapshot);
  if (!kernel) {
    context.add_incomplete(std::string(function) + "(): " + kernel.error().message);
    return nullptr;
  }
  return *kernel;
}

/// Tells the query what may be missing in an answer.
void report(sqlite3_context* call, std::string_view function, const std::vector<Error>& problems) {
  auto& context = *static_cast<TableContext*>(sqlite3_user_data(call));
  for (const Error& problem : problems)
    context.add_incomplete(std::string(function) + "(): " + problem.message);
}

bool is_null(sqlite3_value** argv) {
  return sqlite3_value_type(argv[0]) == SQLITE_NULL;
}
Gva address_of(sqlite3_value* value) {
  return Gva{static_cast<std::uint64_t>(sqlite3_value_int64(value))};
}

void symbol_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "symbol");
  if (kernel == nullptr) return;
  Symboliser& symboliser = Symboliser::of(*kernel);
  const auto name = symboliser.symbol(address_of(argv[0]));
  if (name)
    sqlite3_result_text64(call, name->data(), name->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  else if (symboliser.region(address_of(argv[0])) != guest::linux::AddressRegion::user)
    report(call, "symbol", symboliser.problems());
}

void addr_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "addr");
  if (kernel == nullptr) return;
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[0]));
  if (text == nullptr) return sqlite3_result_error_nomem(call);
  const std::string_view name(text, static_cast<std::size_t>(sqlite3_value_bytes(argv[0])));
  Symboliser& symboliser = Symboliser::of(*kernel);
  if (const auto found = symboliser.address(name))
    sqlite3_result_int64(call, static_cast<sqlite3_int64>(found->value));
  else
    report(call, "addr", symboliser.problems());
}

void in_text_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "in_text");
  if (kernel == nullptr) return;
  Symboliser& symboliser = Symboliser::of(*kernel);
  if (const auto in_text = symboliser.in_text(address_of(argv[0])))
    sqlite3_result_int(call, *in_text ? 1 : 0);
  else
    report(call, "in_text", symboliser.problems());
}

/// region(x): as the tables' columns of that name say.
void region_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "region");
  if (kernel == nullptr) return;
  const auto name = to_string(Symboliser::of(*kernel).region(address_of(argv[0])));
  sqlite3_result_text64(call, name.data(), name.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void read_u64_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "read_u64");
  if (kernel == nullptr) return;
  const auto value = kernel->read<std::uint64_t>(address_of(argv[0]));
  if (value)
    sqlite3_result_int64(call, static_cast<sqlite3_int64>(*value));
  else
    report(call, "read_u64", {value.error()});
}

/// read_pointer(gva): a word of the kernel, of 4 or 8 bytes.
void read_pointer_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "read_pointer");
  if (kernel == nullptr) return;
  const auto value = kernel->read_pointer(address_of(argv[0]));
  if (value)
    sqlite3_result_int64(call, static_cast<sqlite3_int64>(value->value));
  else
    report(call, "read_pointer", {value.error()});
}

/// mutex_owner('name'): the task that holds a mutex of the kernel, 0 if nobody does.
void mutex_owner_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "mutex_owner");
  if (kernel == nullptr) return;
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[0]));
  if (text == nullptr) return sqlite3_result_error_nomem(call);
  const std::string_view name(text, static_cast<std::size_t>(sqlite3_value_bytes(argv[0])));
  if (const auto owner = guest::linux::mutex_owner(*kernel, name))
    sqlite3_result_int64(call, static_cast<sqlite3_int64>(owner->value));
}

/// module_memory_in_hand(x): whether a task is loading or freeing the module's memory that holds x.
void module_memory_in_hand_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "module_memory_in_hand");
  if (kernel == nullptr) return;
  if (const auto held = guest::linux::module_memory_in_hand(*kernel, address_of(argv[0])))
    sqlite3_result_int(call, *held ? 1 : 0);
}

/// bpf_code_in_hand(x): whether a task is compiling or freeing a program of BPF in the pack's room that
/// begins at x.
void bpf_code_in_hand_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv)) return;
  Kernel* kernel = kernel_of(call, "bpf_code_in_hand");
  if (kernel == nullptr) return;
  if (const auto held = guest::linux::bpf_code_in_hand(*kernel, address_of(argv[0])))
    sqlite3_result_int(call, *held ? 1 : 0);
}

/// member_offset('type', 'member'): bytes from the start of a struct or union to a member ("a.b" for one of a
/// member's); NULL if this kernel has no such member.
void member_offset_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (is_null(argv) || is_null(argv + 1)) return;
  Kernel* kernel = kernel_of(call, "member_offset");
  if (kernel == nullptr) return;
  const auto text = [](sqlite3_value* value) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
    return std::string_view(bytes == nullptr ? "" : bytes,
                            static_cast<std::size_t>(sqlite3_value_bytes(value)));
  };
  const auto offset = kernel->offset(text(argv[0]), text(argv[1]));
  if (offset)
    sqlite3_result_int64(call, *offset);
  else if (offset.error().code != Errc::not_found)
    report(call, "member_offset", {offset.error()});
}

/// required(x, 'why'): x; where it is NULL, the answer is incomplete and says why.
void required_function(sqlite3_context* call, int, sqlite3_value** argv) {
  if (!is_null(argv)) return sqlite3_result_value(call, argv[0]);
  auto& context = *static_cast<TableContext*>(sqlite3_user_data(call));
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[1]));
  context.add_incomplete(text == nullptr
                             ? "something that the query needs is not known"
                             : std::string(text, static_cast<std::size_t>(sqlite3_value_bytes(argv[1]))));
}

}  // namespace

bool register_kernel_functions(sqlite3* db, TableContext& context) {
  const auto add = [&](const char* name, int flags, void (*function)(sqlite3_context*, int, sqlite3_value**),
                       int arguments = 1) {
    return sqlite3_create_function_v2(db, name, arguments, SQLITE_UTF8 | SQLITE_INNOCUOUS | flags, &context,
                                      function, nullptr, nullptr, nullptr) == SQLITE_OK;
  };
  // SQLITE_DETERMINISTIC promises equal answers within one run of a statement, and a snapshot stays bound as
  // long as one runs; with it SQLite takes addr('name') out of the loop over rows. It evaluates such calls
  // anew at each run, never while it prepares one. read_u64() and required() do without: taken out of a loop
  // that has no rows, they would call an answer incomplete that is not.
  return add("symbol", SQLITE_DETERMINISTIC, symbol_function) &&
         add("addr", SQLITE_DETERMINISTIC, addr_function) &&
         add("in_text", SQLITE_DETERMINISTIC, in_text_function) &&
         add("region", SQLITE_DETERMINISTIC, region_function) && add("read_u64", 0, read_u64_function) &&
         add("read_pointer", 0, read_pointer_function) && add("mutex_owner", 0, mutex_owner_function) &&
         add("module_memory_in_hand", 0, module_memory_in_hand_function) &&
         add("bpf_code_in_hand", 0, bpf_code_in_hand_function) && add("required", 0, required_function, 2) &&
         add("member_offset", SQLITE_DETERMINISTIC, member_offset_function, 2);
}

}  // namespace ringside::policies
