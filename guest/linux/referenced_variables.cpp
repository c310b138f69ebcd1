// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/referenced_variables.h"

#include "guest/linux/kernel_pages.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <set>

namespace ringside::guest::linux {
namespace {

/// Longest code of one function that is looked through.
constexpr std::size_t kMaxCode = 16384;
/// Variables stand at most this far from the start of text.
constexpr std::uint64_t kMaxImage = 64u << 20;
constexpr std::size_t kMaxSameName = 16;

// --- what a variable looks like

/// struct list_head, not empty; both neighbours point back.
bool is_list(KernelPages& memory, std::uint32_t head) {
  const std::uint32_t next = memory.word(head), previous = memory.word(head + 4);
  return KernelPages::is_pointer(next) && KernelPages::is_pointer(previous) && next != head &&
         memory.word(next + 4) == head && memory.word(previous) == head;
}

/// struct list_head of struct module: {state, list, name}.
bool is_module_list(KernelPages& memory, std::uint32_t head) {
  if (!is_list(memory, head)) return false;
  const auto name = memory.text(memory.word(head) + 8, 60);
  return name && !name->empty() && name->find('/') == std::string::npos;
}

/// struct list_head of struct super_block, whose first member is the link; s_type->name follows s_dev,
/// s_blocksize_bits, s_blocksize and s_maxbytes (include/linux/fs.h).
bool is_super_block_list(KernelPages& memory, std::uint32_t head) {
  if (!is_list(memory, head)) return false;
  const auto name = memory.text(memory.word(memory.word(memory.word(head) + 28)), 32);
  return name && !name->empty();
}

bool is_text_pointer(KernelPages& memory, std::uint32_t variable) {
  const std::uint32_t text = memory.word(variable);
  return KernelPages::is_pointer(text, 1) && memory.text(text, 4096).has_value();
}

bool is_vmcoreinfo(KernelPages& memory, std::uint32_t variable) {
  const auto start = memory.get<std::array<char, 10>>(memory.word(variable));
  return start && std::string_view(start->data(), start->size()) == "OSRELEASE=";
}

/// Functions, and many. Some may be a module's, which is what is looked for.
bool is_system_call_table(KernelPages& memory, std::uint32_t table) {
  constexpr std::uint32_t kFewest = 380, kMostForeign = 40;  // of i386 since 5.0
  const Range& text = memory.kernel().identity().text;
  std::uint32_t foreign = 0;
  for (std::uint32_t i = 0; i < kFewest; ++i)
    foreign += text.contains(Gva{memory.word(table + 4 * i)}) ? 0 : 1;
  return foreign <= kMostForeign;
}

/// include/linux/panic.h: some 19 bits, and the functions that use it agree on nothing else.
bool is_taint(KernelPages& memory, std::uint32_t variable) {
  const auto value = memory.get<std::uint32_t>(variable);
  return value && *value < 1u << 20;
}

/// struct ftrace_page {next, records, index}; a record begins with the address of code.
bool is_ftrace_pages(KernelPages& memory, std::uint32_t variable) {
  const std::uint32_t page = memory.word(variable), count = memory.word(page + 8);
  const Gva code{memory.word(memory.word(page + 4))};
  const KernelIdentity& identity = memory.kernel().identity();
  return KernelPages::is_pointer(page) && count > 0 && count < 1u << 20 && identity.text.contains(code);
}

/// 64 heads of chains, and each that is not empty is pointed back to.
bool is_probe_table(KernelPages& memory, std::uint32_t table) {
  for (std::uint32_t i = 0; i < 64; ++i) {
    const auto head = memory.get<std::uint32_t>(table + 4 * i);
    if (!head || (*head != 0 && memory.word(*head + 4) != table + 4 * i)) return false;
  }
  return true;
}

/// A function that is called for each traced one, in the image as long as no module traces.
bool is_function_pointer(KernelPages& memory, std::uint32_t variable) {
  return memory.kernel().identity().text.contains(Gva{memory.word(variable)});
}

/// A pointer to struct real_mode_header, which stands below 1 MiB and says where text and read-only data of
/// real mode are (arch/x86/include/asm/realmode.h).
bool is_real_mode_header(KernelPages& memory, std::uint32_t variable) {
  constexpr std::uint32_t kMiB = 1u << 20;
  const std::uint32_t header = memory.word(variable) - KernelPages::kKernelHalf;
  if (header == 0 || header >= kMiB || header % kPageSize != 0) return false;
  const std::uint32_t text = memory.word(memory.word(variable)), end = memory.word(memory.word(variable) + 4);
  return text % kPageSize == 0 && header <= text && text < end && end <= kMiB;
}

/// struct mutex: the task that holds it, with flags in the low bits; behind its spin lock and its queue, if
/// this kernel has them, the list of those that wait (include/linux/mutex.h).
bool is_mutex(KernelPages& memory, std::uint32_t mutex) {
  constexpr std::uint32_t kFlags = 7;
  const auto owner = memory.get<std::uint32_t>(mutex);
  if (!owner || ((*owner & ~kFlags) != 0 && !KernelPages::is_pointer(*owner & ~kFlags))) return false;
  for (const std::uint32_t offset : {4u, 8u, 12u}) {
    const std::uint32_t waiting = mutex + offset, next = memory.word(waiting),
                        last = memory.word(waiting + 4);
    if (KernelPages::is_pointer(next) && KernelPages::is_pointer(last) && memory.word(next + 4) == waiting &&
        memory.word(last) == waiting)
      return true;
  }
  return false;
}

struct Rule {
  std::string_view variable;
  std::initializer_list<std::string_view> functions;
  bool (*looks_right)(KernelPages&, std::uint32_t);
};

const Rule kRules[] = {
    {"modules",
     {"find_module_all", "m_start", "m_next", "print_modules", "module_kallsyms_lookup_name"},
     is_module_list},
    {"super_blocks",
     {"iterate_supers", "sget_fc", "sget", "user_get_super", "get_super"},
     is_super_block_list},
    {"saved_command_line", {"cmdline_proc_show"}, is_text_pointer},
    {"vmcoreinfo_data", {"vmcoreinfo_append_str", "crash_save_vmcoreinfo"}, is_vmcoreinfo},
    {"ia32_sys_call_table",
     {"do_int80_syscall_32", "__do_fast_syscall_32", "do_syscall_32_irqs_on", "do_fast_syscall_32"},
     is_system_call_table},
    {"ftrace_pages_start", {"ftrace_rec_iter_start", "lookup_rec", "ftrace_location_range"}, is_ftrace_pages},
    {"ftrace_trace_function",
     {"ftrace_startup", "ftrace_shutdown", "ftrace_modify_all_code", "update_ftrace_function"},
     is_function_pointer},
    {"kprobe_table", {"get_kprobe", "register_kprobe"}, is_probe_table},
    {"real_mode_header",
     {"acpi_get_wakeup_address", "x86_acpi_suspend_lowlevel", "machine_real_restart"},
     is_real_mode_header},
    {"jump_label_mutex", {"jump_label_lock", "jump_label_unlock"}, is_mutex},
    {"text_mutex",
     {"arch_jump_label_transform_queue", "arch_jump_label_transform_apply", "ftrace_arch_code_modify_prepare",
      "ftrace_arch_code_modify_post_process", "arch_static_call_transform"},
     is_mutex},
    {"ftrace_lock",
     {"register_ftrace_function", "unregister_ftrace_function", "ftrace_release_mod", "ftrace_module_enable",
      "ftrace_free_mem"},
     is_mutex},
    {"kprobe_mutex",
     {"register_kprobe", "unregister_kprobes", "enable_kprobe", "disable_kprobe", "kprobe_optimizer"},
     is_mutex},
    {"module_mutex",
     {"load_module", "free_module", "finished_loading", "__ia32_sys_delete_module"},
     is_mutex},
    {"tainted_mask", {"add_taint", "test_taint", "get_taint", "print_tainted"}, is_taint},
};

// --- what code holds

/// Numbers in the code of all functions of that name that may be addresses of variables.
std::set<std::uint32_t> numbers_in(Kernel& kernel, KernelPages& memory, std::string_view function) {
  std::set<std::uint32_t> numbers;
  const auto& symbols = kernel.symbols();
  auto same_name = symbols.find_all(function);
  same_name.resize(std::min(same_name.size(), kMaxSameName));
  const auto& identity = kernel.identity();
  for (const std::size_t symbol : same_name) {
    const std::uint64_t start = symbols.address(symbol, kernel.slide());
    std::size_t next = symbol;
    while (next < symbols.size() && symbols.address(next, kernel.slide()) == start) ++next;
    const std::uint64_t end = next < symbols.size() ? symbols.address(next, kernel.slide()) : start;
    Bytes code(std::min<std::uint64_t>(end - start, kMaxCode));
    if (!identity.text.contains(Gva{start}) || !memory.read(static_cast<std::uint32_t>(start), code))
      continue;
    for (std::size_t at = 0; at + 4 <= code.size(); ++at) {
      const auto number = *load_le<std::uint32_t>(code, at);
      if (Gva{number} >= identity.text.end && Gva{number} < identity.image.first + kMaxImage)
        numbers.insert(number);
    }
  }
  return numbers;
}

}  // namespace

std::optional<Gva> referenced_variable(Kernel& kernel, std::string_view variable) {
  const auto rule = std::find_if(std::begin(kRules), std::end(kRules),
                                 [&](const Rule& known) { return known.variable == variable; });
  if (kernel.identity().bits != 32 || rule == std::end(kRules)) return std::nullopt;
  KernelPages memory(kernel);
  std::map<std::uint32_t, unsigned> votes;
  for (const auto function : rule->functions)
    for (const std::uint32_t number : numbers_in(kernel, memory, function)) ++votes[number];

  std::optional<std::uint32_t> best;
  unsigned best_votes = 0;
  for (const auto& [number, count] : votes) {
    if (count < best_votes || !rule->looks_right(memory, number)) continue;
    best = count == best_votes ? std::nullopt : std::optional(number);
    best_votes = count;
  }
  return best ? std::optional(Gva{*best}) : std::nullopt;
}

std::vector<std::string_view> referenced_variable_names() {
  std::vector<std::string_view> names;
  for (const Rule& rule : kRules) names.push_back(rule.variable);
  return names;
}

}  // namespace ringside::guest::linux
