// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/boot_facts.h"

#include "guest/linux/golden/branches.h"

#include <algorithm>
#include <string_view>

namespace ringside::guest::linux {

namespace {

constexpr std::array<std::string_view, 16> kRegisters64 = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                                           "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                                           "r12", "r13", "r14", "r15"};
constexpr std::array<std::string_view, 8> kRegisters32 = {"eax", "ecx", "edx", "ebx",
                                                          "esp", "ebp", "esi", "edi"};
/// By BootFacts::Thunk.
constexpr std::array<std::string_view, 4> kIndirect = {"__x86_indirect_thunk_", "__x86_indirect_call_thunk_",
                                                       "__x86_indirect_jump_thunk_",
                                                       "__x86_indirect_its_thunk_"};
constexpr std::array<std::string_view, 7> kReturns = {
    "__x86_return_thunk",      "retbleed_return_thunk",   "zen_return_thunk", "srso_return_thunk",
    "srso_alias_return_thunk", "call_depth_return_thunk", "its_return_thunk"};

/// Instructions that stand in for a paravirtual operation on bare hardware and under KVM, up to 5.12
/// (arch/x86/kernel/paravirt_patch.c).
struct Native {
  const char* operation;
  std::string_view code;
};
constexpr std::array<Native, 12> kNative = {{{"irq.irq_disable", "fa"},
                                             {"irq.irq_enable", "fb"},
                                             {"irq.save_fl", "9c58"},
                                             {"irq.restore_fl", "579d"},
                                             {"mmu.read_cr2", "0f20d0"},
                                             {"mmu.read_cr3", "0f20d8"},
                                             {"mmu.write_cr3", "0f22df"},
                                             {"cpu.wbinvd", "0f09"},
                                             {"cpu.usergs_sysret64", "0f01f8480f07"},
                                             {"cpu.swapgs", "0f01f8"},
                                             {"lock.queued_spin_unlock", "c60700"},
                                             {"lock.vcpu_is_preempted", "31c0"}}};

bool before_5_13(const KernelIdentity& identity) {
  return identity.major < 5 || (identity.major == 5 && identity.minor < 13);
}

}  // namespace

BootFacts& BootFacts::of(Kernel& kernel) {
  return kernel.memo<BootFacts>([&] { return BootFacts(kernel); });
}

BootFacts::BootFacts(Kernel& kernel) : kernel_(&kernel), bits_(kernel.identity().bits) {
  take_return_thunks();
  take_indirect_thunks();
  take_nops();
  take_native_operations();
  take_features();
  bug_function_ = symbol("BUG_func").value_or(0);
  for (const auto name : {"_paravirt_nop", "nop_func", "paravirt_nop"})
    if (const auto at = symbol(name)) empty_functions_.push_back(*at);
  for (const auto name : {"_paravirt_ident_64", "paravirt_ident_64"})
    if (const auto at = symbol(name)) identities_.push_back(*at);
  if (const auto at = kernel.find_symbol("pv_ops")) pv_ops_ = at->value;
  if (const auto at = kernel.find_symbol("uniproc_patched"))
    if (const auto flag = kernel.read<std::uint8_t>(*at)) uniprocessor_ = *flag != 0;
}

std::optional<std::uint64_t> BootFacts::symbol(std::string_view name) const {
  const auto found = kernel_->symbols().find(name);
  if (!found) return std::nullopt;
  return kernel_->symbols().address(*found, kernel_->slide());
}

void BootFacts::take_return_thunks() {
  for (const auto name : kReturns)
    if (const auto at = symbol(name)) return_thunks_.push_back(*at);
  const auto chosen_at = kernel_->find_symbol("x86_return_thunk");
  if (!chosen_at) return;
  const auto chosen = kernel_->read_pointer(*chosen_at);
  if (!chosen) return;
  const auto depth = symbol("call_depth_return_thunk");
  counts_calls_ = depth && *depth == chosen->value;
  // What it says counts only if it names one of them.
  if (std::find(return_thunks_.begin(), return_thunks_.end(), chosen->value) != return_thunks_.end())
    return_thunks_ = {chosen->value};
}

void BootFacts::take_indirect_thunks() {
  const std::size_t count = bits_ == 64 ? kRegisters64.size() : kRegisters32.size();
  for (std::size_t kind = 0; kind < kIndirect.size(); ++kind) {
    for (std::size_t reg = 0; reg < count; ++reg) {
      const auto at = symbol(std::string(kIndirect[kind]) +
                             std::string(bits_ == 64 ? kRegisters64[reg] : kRegisters32[reg]));
      if (!at) continue;
      thunks_[kind][reg] = *at;
      if (kind == 0) registers_.emplace(*at, static_cast<std::uint8_t>(reg));
    }
  }
}

std::optional<std::uint8_t> BootFacts::register_of(std::uint64_t plain_thunk) const {
  const auto found = registers_.find(plain_thunk);
  if (found == registers_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> BootFacts::thunk(Thunk kind, std::uint8_t reg) const {
  const std::uint64_t at = thunks_[static_cast<std::size_t>(kind)][reg & 15];
  return at == 0 ? std::nullopt : std::optional(at);
}

void BootFacts::take_nops() {
  if (!before_5_13(kernel_->identity())) {
    nops_ = {modern_nops(bits_, false, false)};
    if (bits_ == 64) nops_.push_back(modern_nops(bits_, true, false));
    nops_.push_back(modern_nops(bits_, true, true));
    return;
  }
  std::optional<std::string> chosen;
  if (const auto at = kernel_->find_symbol("ideal_nops"))
    if (const auto table = kernel_->read_pointer(*at))
      if (const auto named = kernel_->symbols().at_or_before(table->value, kernel_->slide()))
        chosen = kernel_->symbols().symbol(*named).name;
  const auto all = ideal_nops();
  for (const auto& one : all)
    if (chosen == one.name) nops_ = {one.style};
  // i386 kernels do not tell.
  if (nops_.empty())
    for (const auto& one : all) nops_.push_back(one.style);
}

void BootFacts::take_native_operations() {
  if (!before_5_13(kernel_->identity())) return;
  if (bits_ == 32) {
    // Those of 32 bits, without CONFIG_PARAVIRT_XXL: pv_is_native_spin_unlock(),
    // pv_is_native_vcpu_is_preempted().
    for (const auto& [name, code] : {std::pair("__raw_callee_save___native_queued_spin_unlock", "c60000"),
                                     std::pair("__raw_callee_save___native_vcpu_is_preempted", "31c0")})
      if (const auto at = symbol(name)) native_functions_[*at] = *from_hex(code);
    return;
  }
  for (const Native& native : kNative) {
    const auto offset = kernel_->offset("paravirt_patch_template", native.operation);
    const auto code = from_hex(native.code);
    if (offset && code && *offset / 8 < 256) native_[static_cast<std::uint8_t>(*offset / 8)] = *code;
  }
  // paravirt_patch_default()
  for (const auto operation : {"cpu.iret", "cpu.usergs_sysret64"})
    if (const auto offset = kernel_->offset("paravirt_patch_template", operation);
        offset && *offset / 8 < 256)
      leaving_.push_back(static_cast<std::uint8_t>(*offset / 8));
}

/// arch/x86/include/asm/processor.h, boot_cpu_data.
void BootFacts::take_features() {
  constexpr std::uint64_t kMaxWords = 64;
  const auto data = kernel_->find_symbol("boot_cpu_data");
  const auto field = kernel_->field("cpuinfo_x86", "x86_capability");
  if (!data || !field || field->size == 0 || field->size / 4 > kMaxWords) return;
  std::vector<std::uint32_t> words(field->size / 4);
  if (kernel_->space().read(*data + field->offset, std::as_writable_bytes(std::span(words))))
    features_ = std::move(words);
}

std::optional<bool> BootFacts::has_feature(std::uint16_t number) const {
  if (number / 32 >= features_.size()) return std::nullopt;
  return (features_[number / 32] >> (number % 32) & 1) != 0;
}

bool BootFacts::does_nothing(std::uint64_t function) const {
  return std::find(empty_functions_.begin(), empty_functions_.end(), function) != empty_functions_.end();
}

std::optional<std::uint64_t> BootFacts::operation_at(Gva slot) {
  const auto function = kernel_->read_pointer(slot);
  if (!function) return std::nullopt;
  if (function->value == 0) return 0;
  // Only the start of a function of the image.
  if (!kernel_->identity().text.contains(*function)) return std::nullopt;
  const auto named = kernel_->symbols().at_or_before(function->value, kernel_->slide());
  if (!named || kernel_->symbols().address(*named, kernel_->slide()) != function->value) return std::nullopt;
  return function->value;
}

std::vector<Bytes> BootFacts::paravirt(std::uint8_t type, std::uint64_t at, std::size_t size) {
  std::vector<Bytes> out;
  const auto add = [&](Bytes code) {
    if (code.size() <= size) out.push_back(std::move(code));
  };
  if (const auto native = native_.find(type); native != native_.end()) add(native->second);
  if (!pv_ops_) return out;
  const auto function = operation_at(Gva{*pv_ops_} + std::uint64_t{type} * (bits_ / 8));
  if (!function) return out;
  if (*function == 0) {
    add(*from_hex("0f0b"));
  } else if (does_nothing(*function)) {
    add({});
  } else if (std::find(identities_.begin(), identities_.end(), *function) != identities_.end()) {
    add(*from_hex("4889f8"));
  } else {
    // i386 kernels do not tell the numbers of operations: there the function says which one it is.
    if (const auto code = native_functions_.find(*function); code != native_functions_.end())
      add(code->second);
    const bool leaves = std::find(leaving_.begin(), leaving_.end(), type) != leaving_.end();
    add(branch(leaves ? kJump : kCall, at, *function));
  }
  return out;
}

std::optional<std::uint64_t> BootFacts::value(const std::string& variable, std::size_t size) {
  const auto known = values_.find(variable);
  if (known != values_.end()) return known->second;
  std::optional<std::uint64_t> value;
  if (const auto at = kernel_->find_symbol(variable)) {
    if (size == 1) {
      if (const auto read = kernel_->read<std::uint32_t>(*at)) value = *read;
    } else if (const auto read = kernel_->read<std::uint64_t>(*at)) {
      value = *read;
    }
  }
  return values_[variable] = value;
}

bool BootFacts::may_be(const std::string& variable, std::uint64_t value) {
  constexpr std::string_view kCache = "_cache";
  if (!variable.ends_with(kCache)) return true;
  const auto field = kernel_->field("kmem_cache", "name");
  if (!field) return false;
  const auto at = kernel_->read_pointer_field(Gva{value}, *field);
  if (!at) return false;
  const auto name = kernel_->read_string(*at, 64);
  if (!name) return false;
  // __dentry_cache is "dentry", __names_cache "names_cache" (fs/dcache.c, fs/namei.c).
  const std::string wanted = variable.substr(std::min(variable.size(), variable.find_first_not_of('_')));
  return *name == wanted || *name + std::string(kCache) == wanted;
}

x86::Disassembler* BootFacts::disassembler() {
  if (!disassembler_) {
    auto made = x86::Disassembler::create(bits_ == 64);
    if (!made) return nullptr;
    disassembler_.emplace(std::move(*made));
  }
  return &*disassembler_;
}

}  // namespace ringside::guest::linux
