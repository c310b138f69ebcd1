// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscalls.h"

#include "guest/linux/function_code.h"
#include "guest/linux/symbol_extent.h"
#include "guest/linux/syscall_naming.h"
#include "guest/x86/switch_code.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ringside::guest::linux {

namespace {

constexpr std::string_view kNotImplemented = "ni_syscall";
constexpr unsigned kMaxShared = 16;  // symbols at one address

/// What the functions of an ABI are called, in the order of the kernel's own preference
/// (arch/x86/include/asm/syscall_wrapper.h).
std::vector<std::string_view> prefixes(SyscallAbi abi) {
  switch (abi) {
    case SyscallAbi::x64:
      return {"__x64_sys_", "sys_"};
    case SyscallAbi::ia32:
      return {"__ia32_compat_sys_", "__ia32_sys_", "compat_sys_", "sys_"};
    case SyscallAbi::x32:
      return {"__x32_compat_sys_", "__x64_compat_sys_", "__x64_sys_", "sys_"};
  }
  return {};
}

class Reader {
 public:
  Reader(Kernel& kernel, SyscallTable& into) : kernel_(kernel), into_(into) {}

  void read_table();
  Result<void> read_switch();

 private:
  Gva behind_accounting(Gva target);
  std::optional<unsigned> size_by_symbols(Gva table) const;
  bool goes_on_behind(Gva entry) const;
  void problem(Error error) {
    if (into_.problems.size() < 16) into_.problems.push_back(std::move(error));
  }

  Kernel& kernel_;
  SyscallTable& into_;
};

/// How many entries fit in front of the next symbol; nullopt: no symbol tells where the table is, so none
/// tells where it ends.
std::optional<unsigned> Reader::size_by_symbols(Gva table) const {
  const auto here = kernel_.symbols().at_or_before(table.value, kernel_.slide());
  const bool named = here && kernel_.symbols().address(*here, kernel_.slide()) == table.value;
  if (!named) return std::nullopt;
  const std::uint64_t most = std::uint64_t{SyscallTable::kMaxEntries} * kernel_.pointer_size();
  return static_cast<unsigned>(bytes_to_next_symbol(kernel_, table, most) / kernel_.pointer_size());
}

/// Whether a table of unknown length goes on behind an entry that is no function of the kernel: that may be a
/// module's, and the next ones are system calls.
bool Reader::goes_on_behind(Gva entry) const {
  constexpr unsigned kAhead = 64;
  for (unsigned i = 1; i <= kAhead; ++i) {
    const auto next = kernel_.read_pointer(entry + i * kernel_.pointer_size());
    if (!next) return false;
    if (kernel_.identity().text.contains(*next) &&
        !syscall_name(syscall_symbol(kernel_, into_.abi, *next)).empty())
      return true;
  }
  return false;
}

void Reader::read_table() {
  const Gva table = *into_.dispatch.table;
  const unsigned pointer = kernel_.pointer_size();
  const auto by_symbols = size_by_symbols(table), by_code = into_.dispatch.count;
  const bool bounded = by_symbols || by_code;
  const unsigned most = by_symbols.value_or(by_code.value_or(SyscallTable::kMaxEntries));
  const unsigned least = bounded ? 0 : numbers_at_least(kernel_, into_.abi);
  if (!bounded)
    problem({Errc::unavailable, "it is not known where the " + std::string(to_string(into_.abi)) +
                                    " table ends: its last entries may be missing"});
  auto& entries = into_.entries;
  for (unsigned nr = 0; nr < most;) {
    // A page at a time: one that cannot be read costs its own entries.
    const Gva at = table + nr * pointer;
    const auto in_page = static_cast<unsigned>((kPageSize - (at - page_of(at))) / pointer);
    const unsigned here = std::min(std::max(1u, in_page), most - nr);
    Bytes bytes(std::size_t{here} * pointer);
    const auto read = kernel_.space().read(at, bytes);
    if (!read) problem(read.error().within(std::string(to_string(into_.abi)) + " table"));
    for (unsigned i = 0; i < here; ++i, ++nr) {
      Syscall call;
      call.nr = nr;
      call.entry = table + nr * pointer;
      if (read) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes.data() + std::size_t{i} * pointer, pointer);
        call.handler = Gva{value};
      }
      // Else the table ends where what stands there is no function, nor goes on.
      if (!bounded && nr >= least &&
          (!call.handler ||
           (!kernel_.identity().text.contains(*call.handler) && !goes_on_behind(*call.entry))))
        return;
      entries.push_back(std::move(call));
    }
  }
  // The alignment in front of the next symbol.
  while (by_symbols && !entries.empty() && entries.back().handler == Gva{0}) entries.pop_back();
}

/// Where calls are counted (CONFIG_MITIGATION_CALL_DEPTH_TRACKING), they go to the 9 bytes before a function
/// that do so: `sarq $5, %gs:...` (arch/x86/kernel/callthunks.c).
Gva Reader::behind_accounting(Gva target) {
  constexpr std::array<std::byte, 4> kAccounting = {std::byte{0x65}, std::byte{0x48}, std::byte{0xc1},
                                                    std::byte{0x3d}};
  constexpr unsigned kLength = 9;
  const auto& symbols = kernel_.symbols();
  const auto function = symbols.at_or_before(target.value + kLength, kernel_.slide());
  if (!function || symbols.address(*function, kernel_.slide()) != target.value + kLength) return target;
  const auto bytes = kernel_.read<std::array<std::byte, 4>>(target);
  return bytes && *bytes == kAccounting ? target + kLength : target;
}

Result<void> Reader::read_switch() {
  const bool long_mode = kernel_.identity().bits == 64;
  const Gva start = *into_.dispatch.switch_code;
  RINGSIDE_TRY(auto code, read_function(kernel_, start, x86::SwitchCode::kMaxCode));
  // long x64_sys_call(const struct pt_regs *regs, unsigned int nr): the second argument of the System V ABI,
  // or with -mregparm=3.
  RINGSIDE_TRY(auto followed,
               x86::SwitchCode::create(std::move(code), start, long_mode, long_mode ? x86::rsi : x86::rdx));
  const bool has_table = !into_.entries.empty();
  const unsigned count = has_table ? static_cast<unsigned>(into_.entries.size()) : SyscallTable::kMaxEntries;
  std::optional<Gva> by_default;
  if (const auto target = followed.target(~std::uint32_t{0})) by_default = behind_accounting(*target);
  into_.entries.resize(count);
  std::size_t last = 0;  // one past the last number that has a case of its own
  for (unsigned nr = 0; nr < count; ++nr) {
    Syscall& call = into_.entries[nr];
    call.nr = nr;
    const auto target = followed.target(nr);
    if (target)
      call.real_handler = behind_accounting(*target);
    else
      call.real_unknown = target.error().message;
    if (!target || call.real_handler != by_default) last = nr + 1;
  }
  // Who leads the last of them to where all unknown numbers go does not end the switch.
  if (!has_table) into_.entries.resize(std::max<std::size_t>(last, numbers_at_least(kernel_, into_.abi)));
  return {};
}

}  // namespace

std::string_view syscall_name(std::string_view symbol) {
  static constexpr std::array<std::string_view, 8> kPrefixes = {
      "__x64_compat_sys_", "__x64_sys_",  "__x32_compat_sys_", "__ia32_compat_sys_",
      "__ia32_sys_",       "compat_sys_", "__do_sys_",         "sys_"};
  for (const auto prefix : kPrefixes) {
    if (!symbol.starts_with(prefix)) continue;
    symbol.remove_prefix(prefix.size());
    return symbol == kNotImplemented ? std::string_view{} : symbol;
  }
  return {};
}

std::optional<Gva> syscall_function(Kernel& kernel, SyscallAbi abi, const std::string& name) {
  for (const auto prefix : prefixes(abi))
    if (const auto found = kernel.find_symbol(std::string(prefix) + name)) return found;
  return std::nullopt;
}

std::string syscall_symbol(Kernel& kernel, SyscallAbi abi, Gva function) {
  const auto& symbols = kernel.symbols();
  const auto slide = kernel.slide();
  const auto first = symbols.at_or_before(function.value, slide);
  if (!first) return {};
  std::string best, name;
  const auto wanted = prefixes(abi);
  std::size_t best_rank = wanted.size() + 1;
  for (std::size_t i = *first; i < symbols.size() && i < *first + kMaxShared; ++i) {
    if (symbols.address(i, slide) != function.value) break;
    symbols.name(i, name);
    const auto prefix = std::find_if(wanted.begin(), wanted.end(),
                                     [&](std::string_view one) { return name.starts_with(one); });
    const auto rank = static_cast<std::size_t>(prefix - wanted.begin());
    if (rank >= best_rank) continue;
    best_rank = rank;
    best = name;
  }
  return best;
}

Result<SyscallTable> read_syscalls(Kernel& kernel, SyscallAbi abi) {
  SyscallTable table;
  table.abi = abi;
  RINGSIDE_TRY(table.dispatch, read_syscall_dispatch(kernel, abi));
  const auto& dispatch = table.dispatch;
  if (!dispatch.table && !dispatch.switch_code)
    return fail(Errc::unavailable, "the kernel does not tell where its " + std::string(to_string(abi)) +
                                       " system call table is, and it has no switch for it");
  Reader reader(kernel, table);
  if (dispatch.table) reader.read_table();
  if (dispatch.by_table == true) {
    for (auto& call : table.entries) call.real_handler = call.handler;
  } else if (dispatch.switch_code) {
    if (auto read = reader.read_switch(); !read) {
      for (auto& call : table.entries) call.real_unknown = read.error().message;
      table.problems.push_back(read.error().within(std::string(to_string(abi)) + " switch"));
    }
  } else {
    for (auto& call : table.entries)
      call.real_unknown = "no code was found that goes by this table, nor a switch";
  }
  name_syscalls(kernel, table);
  return table;
}

}  // namespace ringside::guest::linux
