// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/kprobe_slots.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <algorithm>
#include <array>
#include <map>

namespace ringside::guest::linux {

namespace {

/// kprobe_table: 1 << KPROBE_HASH_BITS lists (kernel/kprobes.c).
constexpr std::uint64_t kBuckets = 64, kMaxProbes = 1u << 16;
constexpr std::size_t kLongestInstruction = 15, kJump = 5;
constexpr std::byte kInt3{0xcc}, kJumpOpcode{0xe9};
/// enum kprobe_slot_state
constexpr std::byte kUsed{2};

/// True if the 4 bytes at `offset` are a displacement that was moved along with the instruction.
bool is_moved(ByteView copy, ByteView original, std::size_t offset, Gva at, Gva from) {
  const auto now = load_le<std::uint32_t>(copy, offset), was = load_le<std::uint32_t>(original, offset);
  return now && was && *now - *was == static_cast<std::uint32_t>(from.value - at.value);
}

/// The kprobes that have slots, by slot.
class Probes {
 public:
  explicit Probes(Kernel& kernel) : kernel_(kernel), reader_(kernel, "kprobe") {
    address_ = reader_.add("addr");
    opcode_ = reader_.add("opcode");
    flags_ = reader_.add("flags");
    slot_ = reader_.add("ainsn.insn");
    size_ = reader_.add("ainsn.size");
    boosted_ = reader_.add("ainsn.boostable");
  }

  Result<std::map<Gva, ProbedInstruction>> read() {
    if (!reader_.missing().empty()) return fail(reader_.missing().front());
    RINGSIDE_TRY(const Gva table, kernel_.symbol("kprobe_table"));
    RINGSIDE_TRY(const auto link, kernel_.offset("kprobe", "hlist"));
    std::map<Gva, ProbedInstruction> probes;
    std::optional<Error> problem;
    for (std::uint64_t i = 0; i < kBuckets; ++i)
      RINGSIDE_CHECK(walk_hlist(kernel_, table + i * kernel_.pointer_size(), kMaxProbes, [&](Gva node) {
        if (auto done = add(Gva{node - Gva{link}}, probes); !done) problem = std::move(done).error();
        return !problem && probes.size() < kMaxProbes;
      }));
    if (problem) return fail(*problem);
    return probes;
  }

 private:
  Result<void> add(Gva object, std::map<Gva, ProbedInstruction>& probes) {
    RINGSIDE_CHECK(reader_.read(object));
    const Gva slot = reader_.pointer(slot_).value_or(Gva{0});
    const std::uint64_t size = reader_.integer(size_).value_or(0) & 0xff;
    if (slot.value == 0 || size == 0 || size > kLongestInstruction) return {};
    ProbedInstruction probe;
    probe.at = reader_.pointer(address_).value_or(Gva{0});
    probe.boosted = (reader_.integer(boosted_).value_or(0) & 0xff) != 0;
    const KernelIdentity& identity = kernel_.identity();
    probe.may_end_so = !probe.boosted && (identity.major < 5 || (identity.major == 5 && identity.minor < 13));
    probe.bytes.resize(size);
    RINGSIDE_CHECK(kernel_.space().read(probe.at, probe.bytes));
    probe.bytes[0] = static_cast<std::byte>(reader_.integer(opcode_).value_or(0) & 0xff);
    constexpr std::uint64_t kOptimised = 4;  // KPROBE_FLAG_OPTIMIZED
    if ((reader_.integer(flags_).value_or(0) & kOptimised) != 0) RINGSIDE_CHECK(restore(object, probe));
    probes.emplace(slot, std::move(probe));
    return {};
  }
  /// A detour covers what follows the first byte; it is kept beside the kprobe when the detour is written,
  /// which is some time after the kprobe counts as optimised (kernel/kprobes.c, optimize_kprobe and
  /// kprobe_optimizer).
  Result<void> restore(Gva object, ProbedInstruction& probe) {
    RINGSIDE_TRY(const auto inner, kernel_.offset("optimized_kprobe", "kp"));
    RINGSIDE_TRY(const Field kept, kernel_.field("optimized_kprobe", "optinsn.copied_insn"));
    std::array<std::byte, kJump - 1> bytes{};
    const std::size_t count = std::min<std::size_t>({kept.size, bytes.size(), probe.bytes.size() - 1});
    probe.kept = probe.bytes;
    RINGSIDE_CHECK(
        kernel_.space().read(Gva{object - Gva{inner}} + kept.offset, std::span(bytes).first(count)));
    std::copy_n(bytes.begin(), count, probe.kept.begin() + 1);
    return {};
  }

  Kernel& kernel_;
  ObjectReader reader_;
  ObjectReader::Member address_, opcode_, flags_, slot_, size_, boosted_;
};

/// What the kernel says of a page of slots: bytes of a slot, and the state of each.
struct SlotPage {
  std::uint64_t slot_size = 0;
  Bytes states;
};
Result<SlotPage> slot_page(Kernel& kernel, Gva page) {
  RINGSIDE_TRY(const Gva cache, kernel.symbol("kprobe_insn_slots"));
  RINGSIDE_TRY(const Field list, kernel.field("kprobe_insn_cache", "pages"));
  RINGSIDE_TRY(const Field slot_size, kernel.field("kprobe_insn_cache", "insn_size"));
  RINGSIDE_TRY(const auto link, kernel.offset("kprobe_insn_page", "list"));
  RINGSIDE_TRY(const Field code, kernel.field("kprobe_insn_page", "insns"));
  RINGSIDE_TRY(const auto states, kernel.offset("kprobe_insn_page", "slot_used"));
  SlotPage found;
  RINGSIDE_TRY(found.slot_size, kernel.read_field(cache, slot_size));
  if (found.slot_size == 0 || found.slot_size > kPageSize)
    return fail(Errc::out_of_bounds, "slots of " + std::to_string(found.slot_size) + " bytes");
  constexpr std::uint64_t kMaxPages = 1u << 16;
  std::optional<Gva> object;
  RINGSIDE_CHECK(walk_list(kernel, cache + list.offset, kMaxPages, [&](Gva node) {
    const Gva one{node - Gva{link}};
    const auto at = kernel.read_pointer_field(one, code);
    if (at && *at == page) object = one;
    return !object;
  }));
  if (!object) return fail(Errc::not_found, "no page of slots is at " + to_string(page));
  found.states.resize(kPageSize / found.slot_size);
  RINGSIDE_CHECK(kernel.space().read(*object + states, found.states));
  return found;
}

}  // namespace

namespace {

std::optional<std::string> no_copy_of(const Bytes& instruction, ByteView bytes, Gva slot,
                                      const ProbedInstruction& original) {
  const std::size_t size = instruction.size();
  const auto wrong = [&](std::size_t offset) {
    return "at " + to_string(slot + offset) + ": no copy of the instruction at " + to_string(original.at);
  };
  if (size == 0 || size > bytes.size()) return wrong(0);
  for (std::size_t i = 0; i < size; ++i) {
    if (bytes[i] == instruction[i]) continue;
    std::size_t first = i < 3 ? 0 : i - 3;
    while (first <= i && !is_moved(bytes.first(size), instruction, first, slot, original.at)) ++first;
    if (first > i) return wrong(i);
    i = first + 3;
  }
  const ByteView rest = bytes.subspan(size);
  if (original.boosted && rest.size() >= kJump && rest[0] == kJumpOpcode) {
    const auto displacement = static_cast<std::int32_t>(*load_le<std::uint32_t>(rest, 1));
    const Gva back =
        slot + size + kJump + static_cast<std::uint64_t>(static_cast<std::int64_t>(displacement));
    if (back == original.at + size) return std::nullopt;
    return wrong(size);
  }
  if (original.may_end_so || rest.empty() || rest[0] == kInt3) return std::nullopt;
  return wrong(size);
}

}  // namespace

std::optional<std::string> wrong_in_slot(ByteView bytes, Gva slot, const ProbedInstruction& original) {
  auto wrong = no_copy_of(original.bytes, bytes, slot, original);
  if (wrong && !original.kept.empty()) wrong = no_copy_of(original.kept, bytes, slot, original);
  return wrong;
}

Result<std::optional<std::string>> check_kprobe_slots(Kernel& kernel, const KernelMappings& mappings,
                                                      Gva page, bool& unused) {
  unused = false;
  RINGSIDE_TRY(const SlotPage slots, slot_page(kernel, page));
  RINGSIDE_TRY(const auto probes, Probes(kernel).read());
  std::array<std::byte, kPageSize> code{};
  RINGSIDE_CHECK(mappings.read(kernel.snapshot(), page, code));
  for (std::size_t i = 0; i < slots.states.size(); ++i) {
    const std::uint64_t offset = i * slots.slot_size;
    const ByteView bytes = ByteView(code).subspan(offset, slots.slot_size);
    if (slots.states[i] != kUsed) {
      unused = unused || std::any_of(bytes.begin(), bytes.end(),
                                     [](std::byte byte) { return byte != std::byte{0} && byte != kInt3; });
      continue;
    }
    const auto probe = probes.find(page + offset);
    // One that is being made or freed has no kprobe in the table.
    if (probe == probes.end()) {
      unused = true;
      continue;
    }
    if (auto wrong = wrong_in_slot(bytes, page + offset, probe->second)) return wrong;
  }
  return std::optional<std::string>();
}

}  // namespace ringside::guest::linux
