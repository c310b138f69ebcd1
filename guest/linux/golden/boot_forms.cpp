// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/boot_forms.h"

#include "guest/linux/golden/apply_alternative.h"
#include "guest/linux/golden/branches.h"

#include <algorithm>
#include <array>
#include <map>

namespace ringside::guest::linux {

namespace {

/// Alternatives in the replacement of an alternative, and no deeper.
constexpr unsigned kMaxDepth = 2;
/// Places in one piece of code have few forms each, and few stand in one alternative.
constexpr std::size_t kMaxForms = 512;
/// What counts a call stands in the nine bytes before a function (arch/x86/kernel/callthunks.c).
constexpr std::size_t kCounterSize = 9;

void keep_distinct(std::vector<Bytes>& forms) {
  std::sort(forms.begin(), forms.end());
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
}

/// `to` from `at` on becomes `code`.
void put(Bytes& to, std::size_t at, ByteView code) {
  std::copy(code.begin(), code.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
}

/// The bytes of `from` at `offset`; false if they are not all there.
bool take(ByteView from, std::uint64_t offset, std::span<std::byte> into) {
  if (offset > from.size() || from.size() - offset < into.size()) return false;
  std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
  return true;
}

}  // namespace

BootForms::BootForms(BootFacts& facts, const BootPlaces& places, std::uint64_t slide, const Run& run,
                     BytesAt vendor)
    : facts_(facts), places_(places), slide_(slide), run_(run), vendor_(std::move(vendor)) {}

bool BootForms::expected(std::uint64_t at, std::span<std::byte> into) const {
  return take(run_.expected, at - run_.first, into) || vendor_(at, into);
}

bool BootForms::actual(std::uint64_t at, std::span<std::byte> into) const {
  if (take(run_.actual, at - run_.first, into)) return true;
  if (!facts_.kernel().space().read(Gva{at}, into)) return false;
  // What was given counts where both are known.
  for (std::size_t i = 0; i < into.size(); ++i)
    if (const std::uint64_t known = at + i - run_.first; known < run_.actual.size())
      into[i] = run_.actual[known];
  return true;
}

std::optional<std::string> BootForms::explain(std::size_t offset, std::size_t size) {
  if (offset > run_.actual.size() || run_.actual.size() - offset < size) return std::nullopt;
  unsigned by = 0;
  const auto note = [&](BootPatch patch) { by |= 1u << static_cast<unsigned>(patch); };
  for (std::size_t i = offset; i < offset + size;) {
    if (run_.actual[i] == run_.expected[i]) {
      ++i;
      continue;
    }
    const std::uint64_t at = run_.first + i;
    const BootPlace* place = places_.at(at - slide_);
    std::uint64_t end = 0;
    if (place != nullptr) {
      if (place != last_ && !is_explained(*place)) return std::nullopt;
      last_ = place;
      note(place->patch);
      end = place->end() + slide_;
    } else {
      const auto counted = counted_entry(at);
      if (!counted) return std::nullopt;
      note(BootPatch::call);
      end = *counted;
    }
    i = static_cast<std::size_t>(end - run_.first);
  }
  std::string out;
  for (unsigned patch = 0; by >> patch != 0; ++patch)
    if ((by >> patch & 1) != 0)
      out.append(out.empty() ? "" : ", ").append(to_string(static_cast<BootPatch>(patch)));
  return out;
}

bool BootForms::is_explained(const BootPlace& place) {
  const std::uint64_t start = place.first + slide_;
  Bytes there(place.size), vendor(place.size);
  if (!actual(start, there) || !expected(start, vendor)) return false;
  if (is_usual(place, vendor, there)) return true;
  const Forms all = forms(place, 0, there);
  return std::find(all.begin(), all.end(), there) != all.end();
}

std::optional<TextExplainer::Place> BootForms::place(std::size_t offset) {
  const std::uint64_t at = run_.first + offset;
  const BootPlace* place = places_.at(at - slide_);
  if (place == nullptr) return std::nullopt;
  const std::uint64_t start = place->first + slide_;
  Bytes there(place->size);
  // Only a place that is there as a whole can be put back.
  if (start < run_.first || start - run_.first > run_.actual.size() ||
      run_.actual.size() - (start - run_.first) < place->size || !actual(start, there))
    return std::nullopt;
  by_features_ = true;
  const Forms all = forms(*place, 0, {});
  by_features_ = false;
  const Bytes* best = nullptr;
  std::size_t least = 0;
  for (const Bytes& form : all) {
    std::size_t distance = 0;
    for (std::size_t i = 0; i < form.size(); ++i) distance += form[i] == there[i] ? 0 : 1;
    if (best == nullptr || distance < least) {
      best = &form;
      least = distance;
    }
  }
  if (best == nullptr) return std::nullopt;
  return Place{static_cast<std::size_t>(start - run_.first), *best};
}

bool BootForms::is_left(const Alternative& alternative) const {
  const auto has = facts_.has_feature(alternative.feature);
  return by_features_ && has && *has == alternative.inverted;
}

bool BootForms::is_usual(const BootPlace& place, ByteView wanted, ByteView actual) const {
  static constexpr std::array kReturn{std::byte{0xc3}, kInt3, kInt3, kInt3, kInt3};
  static constexpr std::array kSealed{std::byte{0x66}, std::byte{0x0f}, std::byte{0x1f}, std::byte{0x00}};
  if (place.patch == BootPatch::return_thunk)
    return wanted[0] == kJump && std::equal(actual.begin(), actual.end(), kReturn.begin(), kReturn.end());
  return place.patch == BootPatch::endbr &&
         std::equal(actual.begin(), actual.end(), kSealed.begin(), kSealed.end());
}

BootForms::Forms BootForms::forms(const BootPlace& place, unsigned depth, ByteView actual) {
  const std::uint64_t at = place.first + slide_;
  if (place.patch == BootPatch::alternative) return alternative_forms(place, depth);
  Bytes code(place.size);
  if (!expected(at, code)) return {};
  Forms out{code};
  switch (place.patch) {
    case BootPatch::alternative:
      break;
    case BootPatch::paravirt:
      for (Bytes& patched : facts_.paravirt(place.type, at, place.size))
        for (const NopStyle& style : facts_.nops()) {
          Bytes form = patched;
          form.resize(place.size);
          style.fill(std::span(form).subspan(patched.size()));
          out.push_back(std::move(form));
        }
      break;
    case BootPatch::retpoline:
      retpoline_forms(code, at, actual, out);
      break;
    case BootPatch::return_thunk:
      if (by_features_ && returns_are_plain()) out.clear();
      return_forms(code, at, out);
      break;
    case BootPatch::call:
      if (code.size() == kBranchSize && code[0] == kCall && facts_.counts_calls())
        out.push_back(branch(kCall, at, *branch_target(code, at) - kCounterSize));
      break;
    case BootPatch::endbr:
      // gen_endbr_poison(): a NOP that nothing else uses; another one from 6.15 on.
      out.push_back(*from_hex("660f1f00"));
      out.push_back(*from_hex("0f1f40d6"));
      break;
    case BootPatch::lock:
      if (code[0] != std::byte{0xf0}) break;
      if (facts_.uniprocessor().value_or(true)) out.push_back({std::byte{0x3e}});
      break;
    case BootPatch::runtime_constant:
      add_constant(place, out);
      break;
  }
  keep_distinct(out);
  return out;
}

/// runtime_const_fixup_ptr(), runtime_const_fixup_shift().
void BootForms::add_constant(const BootPlace& place, Forms& into) {
  const RuntimeConstant& constant = places_.constants()[place.index];
  auto value = facts_.value(constant.variable, constant.shift ? 1 : 8);
  if (!value) value = common_value(place);
  if (!value) return;
  Bytes form(place.size);
  std::memcpy(form.data(), &*value, std::min<std::size_t>(form.size(), sizeof *value));
  into.push_back(std::move(form));
}

std::optional<std::uint64_t> BootForms::common_value(const BootPlace& place) {
  std::map<std::uint64_t, std::size_t> held;
  std::size_t all = 0;
  for (const BootPlace& other : places_.places()) {
    if (other.patch != BootPatch::runtime_constant || other.index != place.index) continue;
    ++all;
    Bytes bytes(sizeof(std::uint64_t));
    if (!facts_.kernel().space().read(Gva{other.first + slide_}, std::span(bytes).first(other.size)))
      return std::nullopt;
    ++held[*load_le<std::uint64_t>(bytes)];
  }
  for (const auto& [value, count] : held)
    if (count * 2 > all && facts_.may_be(places_.constants()[place.index].variable, value)) return value;
  return std::nullopt;
}

/// patch_return(): a return, or a jump to the thunk that was chosen.
void BootForms::return_forms(const Bytes& code, std::uint64_t at, Forms& into) {
  if (code.size() != kBranchSize || code[0] != kJump) return;
  into.push_back(*from_hex("c3cccccccc"));
  if (by_features_ && returns_are_plain()) return;
  for (const std::uint64_t thunk : facts_.return_thunks()) into.push_back(branch(kJump, at, thunk));
}

bool BootForms::returns_are_plain() const {
  constexpr std::size_t kMost = 256;
  std::size_t plain = 0, all = 0;
  for (const BootPlace& place : places_.from(run_.first - slide_)) {
    const std::uint64_t offset = place.first + slide_ - run_.first;
    if (offset >= run_.actual.size() || all == kMost) break;
    if (place.patch != BootPatch::return_thunk) continue;
    ++all;
    plain += run_.actual[offset] == std::byte{0xc3} ? 1 : 0;
  }
  return plain * 2 > all;
}

/// patch_retpoline(): an indirect branch in place of the call of a thunk, with LFENCE before it where that
/// was chosen; a thunk that counts calls; or a thunk that was made for this branch.
void BootForms::retpoline_forms(const Bytes& code, std::uint64_t at, ByteView actual, Forms& into) {
  const auto target = branch_target(code, at, facts_.bits());
  const auto reg = target ? facts_.register_of(*target) : std::nullopt;
  if (!reg) return;
  const bool prefix = code[0] == std::byte{0x2e}, conditional = code[0] == std::byte{0x0f};
  const bool call = !conditional && code[prefix ? 1 : 0] == kCall;
  const auto indirect = [&](bool fence) {
    Bytes form;
    if (conditional) {
      // The opposite condition, over the rest.
      form = {static_cast<std::byte>(0x70 | ((std::to_integer<unsigned>(code[1]) & 0xf) ^ 1)),
              static_cast<std::byte>(code.size() - 2)};
    }
    if (fence) form.insert(form.end(), {std::byte{0x0f}, std::byte{0xae}, std::byte{0xe8}});
    if (*reg >= 8) form.push_back(std::byte{0x41});
    form.push_back(std::byte{0xff});
    form.push_back(static_cast<std::byte>(0xc0 | (call ? 0x10 : 0x20) | (*reg & 7)));
    return form;
  };
  for (const bool fence : {false, true}) {
    const Bytes form = indirect(fence);
    if (form.size() > code.size()) continue;
    // A jump is followed by INT3 (from 5.17 on), the rest is filled up.
    for (const bool trap : {false, true}) {
      if (trap && (call || form.size() == code.size())) continue;
      Bytes filled = form;
      if (trap) filled.push_back(kInt3);
      filled.resize(code.size(), kNop);
      for (const Bytes& one : optimized(facts_, filled)) into.push_back(one);
    }
  }
  const auto redirected = [&](std::uint64_t thunk) {
    Bytes form = code;
    const auto displacement = static_cast<std::uint32_t>(thunk - at - code.size());
    std::memcpy(&form[form.size() - 4], &displacement, sizeof displacement);
    into.push_back(std::move(form));
  };
  using Thunk = BootFacts::Thunk;
  if (facts_.counts_calls())
    if (const auto thunk = facts_.thunk(call ? Thunk::counted_call : Thunk::counted_jump, *reg))
      redirected(*thunk);
  if (const auto thunk = facts_.thunk(Thunk::indirect_target, *reg)) redirected(*thunk);
  // its_allocate_thunk(): in a page that was made for such thunks, each in the upper half of a cache line.
  if (actual.size() == code.size())
    if (const auto own = branch_target(actual, at, facts_.bits());
        own && (*own & 0x20) != 0 && is_indirect_jump(*own, *reg))
      redirected(*own);
}

bool BootForms::is_indirect_jump(std::uint64_t at, std::uint8_t reg) {
  Bytes wanted;
  if (reg >= 8) wanted.push_back(std::byte{0x41});
  wanted.insert(wanted.end(), {std::byte{0xff}, static_cast<std::byte>(0xe0 | (reg & 7)), kInt3});
  Bytes there(wanted.size());
  return facts_.kernel().space().read(Gva{at}, there) && there == wanted;
}

BootForms::Forms BootForms::variants(std::uint64_t first, std::size_t size, std::optional<std::uint32_t> but,
                                     unsigned depth) {
  Bytes code(size);
  if (!expected(first, code)) return {};
  Forms out{std::move(code)};
  std::uint64_t done = first;
  for (const BootPlace& place : places_.from(first - slide_)) {
    const std::uint64_t at = place.first + slide_;
    if (at - first >= size) break;
    const bool alternative = place.patch == BootPatch::alternative;
    if (at < done || at - first + place.size > size) continue;
    if (alternative && (depth >= kMaxDepth || place.index == but)) continue;
    const Forms inner = forms(place, depth + 1, {});
    done = at + place.size;
    Forms next;
    for (const Bytes& held : out) {
      for (const Bytes& form : inner) {
        if (next.size() >= kMaxForms) return next;
        next.push_back(held);
        put(next.back(), at - first, form);
      }
    }
    if (!next.empty()) out = std::move(next);
  }
  keep_distinct(out);
  return out;
}

BootForms::Forms BootForms::alternative_forms(const BootPlace& place, unsigned depth) {
  const std::uint64_t at = place.first + slide_;
  Bytes vendor(place.size);
  if (!expected(at, vendor)) return {};
  Forms out;
  const Forms originals = variants(at, place.size, place.index, depth);
  for (const Bytes& original : originals)
    for (const Bytes& form : optimized(facts_, original)) out.push_back(form);
  for (Alternative alternative : places_.alternatives(place.index)) {
    if (is_left(alternative)) continue;
    // What was there before is gone.
    if (by_features_ && facts_.has_feature(alternative.feature)) out.clear();
    alternative.instruction += slide_;
    alternative.replacement += slide_;
    const std::uint8_t own_size = alternative.size;
    for (const Bytes& replacement :
         variants(alternative.replacement, alternative.replacement_size, std::nullopt, depth)) {
      // Nested alternatives are made equally long (from 6.10 on); before, what is behind one stays.
      for (const std::uint8_t size : {own_size, static_cast<std::uint8_t>(place.size)}) {
        alternative.size = size;
        for (Bytes& code : applied(facts_, alternative, replacement, vendor)) {
          Bytes form = vendor;
          put(form, 0, code);
          // A later one that is not chosen goes over it once more.
          for (const Bytes& again : optimized(facts_, form)) out.push_back(again);
        }
        if (own_size == place.size) break;
      }
    }
  }
  keep_distinct(out);
  if (!facts_.uniprocessor().value_or(true)) return out;
  // Lock prefixes are taken away last, wherever they are by then.
  const std::size_t count = out.size();
  for (const BootPlace& lock : places_.from(place.first)) {
    if (lock.first >= place.end()) break;
    if (lock.patch != BootPatch::lock) continue;
    const std::size_t offset = lock.first - place.first;
    for (std::size_t i = 0; i < count; ++i)
      if (out[i][offset] == std::byte{0xf0}) {
        out.push_back(out[i]);
        out.back()[offset] = std::byte{0x3e};
      }
  }
  return out;
}

std::optional<std::uint64_t> BootForms::counted_entry(std::uint64_t at) {
  if (!facts_.counts_calls()) return std::nullopt;
  Kernel& kernel = facts_.kernel();
  const auto pattern = kernel.find_symbol("skl_call_thunk_template");
  if (!pattern) return std::nullopt;
  Bytes counter(kCounterSize);
  if (!expected(pattern->value, counter)) return std::nullopt;
  for (std::uint64_t function = at + 1; function <= at + kCounterSize; ++function) {
    const auto named = kernel.symbols().at_or_before(function, kernel.slide());
    if (!named || kernel.symbols().address(*named, kernel.slide()) != function) continue;
    const std::uint64_t room = function - kCounterSize;
    Bytes wanted(kCounterSize), there(kCounterSize);
    if (!expected(room, wanted) || !actual(room, there)) return std::nullopt;
    if (std::any_of(wanted.begin(), wanted.end(), [](std::byte one) { return one != kNop; }))
      return std::nullopt;
    // Its variable is addressed relative to RIP: the displacement ends one byte before the instruction does.
    Bytes moved = counter;
    const auto displacement =
        static_cast<std::uint32_t>(*load_le<std::uint32_t>(counter, 4) + pattern->value - room);
    std::memcpy(&moved[4], &displacement, sizeof displacement);
    return there == moved ? std::optional(function) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace ringside::guest::linux
