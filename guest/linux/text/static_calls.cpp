// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/static_calls.h"

#include "guest/linux/hooks/tracepoints.h"
#include "guest/linux/symboliser.h"
#include "guest/linux/text/module_tables.h"
#include "guest/linux/text/static_call_trampolines.h"

#include <fmt/format.h>

namespace ringside::guest::linux {

namespace {

// Low bits of static_call_site.key.
constexpr std::uint64_t kTail = 1, kInit = 2, kFlags = 3;
constexpr std::uint64_t kEntrySize = 8;
/// Bytes 5 to 7 of a trampoline, from 5.18 on: UD1 %esp, %ecx, by which the kernel knows it.
constexpr std::uint8_t kSignatureAt = 5;

class StaticCalls {
 public:
  explicit StaticCalls(SiteCollector& sites) : sites_(sites), kernel_(sites.kernel()) {
    if (const auto field = kernel_.field("static_call_key", "func")) func_ = field->offset;
    return_zero_ = kernel_.find_symbol("__static_call_return0");
    warn_ = kernel_.find_symbol("__WARN_trap");
    return_ = kernel_.find_symbol("__static_call_return");
    if (const auto thunk = kernel_.find_symbol("x86_return_thunk"))
      if (const auto at = sites_.value(*thunk, kernel_.pointer_size(), "x86_return_thunk"))
        return_thunk_ = Gva{*at};
    // Call-depth tracking (arch/x86/kernel/callthunks.c): calls enter a function's padding.
    if (const auto on = kernel_.find_symbol("thunks_initialized"))
      thunks_ = sites_.value(*on, 1, "thunks_initialized").value_or(0) != 0;
  }

  void add_table(Gva first, std::uint64_t count, std::string_view what) {
    const auto table = sites_.table(first, count, kEntrySize, what);
    if (!table) return;
    const auto word = [&](std::size_t at) {
      return static_cast<std::uint64_t>(static_cast<std::int32_t>(*load_le<std::uint32_t>(*table, at)));
    };
    for (std::uint64_t i = 0; i < count && !sites_.full(); ++i) {
      const Gva at = first + i * kEntrySize;
      const Gva code{word(i * kEntrySize) + at.value};
      const std::uint64_t key = word(i * kEntrySize + 4) + at.value + 4;
      if ((key & kInit) != 0 || !sites_.region_of(code)) continue;
      add_call(code, Gva{key & ~kFlags}, (key & kTail) != 0);
    }
  }

  void add_trampoline(Gva trampoline, Gva key) {
    PatchSite site;
    site.kind = SiteKind::static_call_trampoline;
    site.first = trampoline;
    site.state = key;
    const auto func = function(key);
    if (!func) return;
    expect_tail(site, *func);
    if (sites_.chosen_nops()) {  // no signature yet, and what follows is not the kernel's business
      sites_.add(site);
      return;
    }
    for (std::size_t i = 0; i < site.count; ++i) {
      CodeBytes& bytes = site.expected_bytes[i];
      bytes.size = std::min<std::uint8_t>(bytes.size, kSignatureAt);
      bytes.append(CodeBytes{0x0f, 0xb9, 0xcc}.view());
    }
    sites_.add(site);
  }

  /// A trampoline whose key has no symbol, as in kernels of 32 bits: what stands there is right if it
  /// returns, or jumps to the start of a function of the image or, if it is a module's, of `own`.
  void add_unkeyed(Gva trampoline, const ModuleSymbols* own) {
    const ByteView actual = sites_.text().bytes(trampoline, kSignatureAt);
    if (actual.size() < kSignatureAt) return;
    PatchSite site;
    site.kind = SiteKind::static_call_trampoline;
    site.first = trampoline;
    const Gva target{(trampoline.value + kSignatureAt + *load_le<std::uint32_t>(actual, 1)) & 0xffffffff};
    if (actual[0] == std::byte{0xe9} && (starts_function(target) || (own && starts_function(target, *own))))
      site.expect(sites_.jump(trampoline, target));
    else
      expect_tail(site, Gva{0});
    sites_.add(site);
    unkeyed_[own != nullptr] = true;
  }
  /// Whether there were any in the image, or in modules.
  bool unkeyed(bool of_modules) const { return unkeyed_[of_modules]; }

 private:
  bool starts_function(Gva target) const {
    const auto symbol = kernel_.symbols().at_or_before(target.value, kernel_.slide());
    return symbol && kernel_.identity().text.contains(target) &&
           kernel_.symbols().address(*symbol, kernel_.slide()) == target.value;
  }
  static bool starts_function(Gva target, const ModuleSymbols& own) {
    const auto symbol = own.at_or_before(target);
    return symbol && own.address(*symbol) == target;
  }

  std::optional<Gva> function(Gva key) {
    const auto func = sites_.value(key + func_, kernel_.pointer_size(), "static_call_key.func");
    return func ? std::optional(Gva{*func}) : std::nullopt;
  }

  void add_call(Gva code, Gva key, bool tail) {
    PatchSite site;
    site.kind = SiteKind::static_call;
    site.first = code;
    site.state = key;
    const auto func = function(key);
    if (!func) return;
    if (!tail)
      expect_call(site, *func);
    else if (const auto condition = condition_at(code))
      expect_conditional(site, *condition, *func);
    else
      expect_tail(site, *func);
    sites_.add(site);
  }

  void expect_call(PatchSite& site, Gva func) {
    if (func == Gva{0}) {
      sites_.expect_nop5(site);
    } else if (const auto thunk = thunk_of(func)) {
      site.expect(sites_.call(site.first, *thunk));
    } else if (return_zero_ && func == *return_zero_) {
      site.expect(CodeBytes{0x2e, 0x2e, 0x2e, 0x31, 0xc0});  // xor %eax, %eax with prefixes
      site.expect(CodeBytes{0x66, 0x66, 0x48, 0x31, 0xc0});  // the same before 5.18
    } else if (warn_ && func == *warn_) {
      site.expect(CodeBytes{0x67, 0x48, 0x0f, 0xb9, 0x3a});
    } else {
      site.expect(sites_.call(site.first, func));
    }
  }

  void expect_tail(PatchSite& site, Gva func) {
    if (func != Gva{0}) {
      site.expect(sites_.jump(site.first, func));
      return;
    }
    site.expect(CodeBytes{0xc3, 0xcc, 0xcc, 0xcc, 0xcc});
    if (return_thunk_) site.expect(sites_.jump(site.first, *return_thunk_));
    // As it was compiled, and never patched (arch/x86/include/asm/static_call.h).
    if (!return_thunk_ || sites_.bits() == 32) site.expect(CodeBytes{0xc3, 0xcc, 0x90, 0x90, 0x90});
  }

  void expect_conditional(PatchSite& site, unsigned condition, Gva func) {
    const auto to = [&](Gva target) {
      site.expect(near_branch({0x0f, 0x80 | condition}, site.first, target, sites_.bits()));
    };
    if (func != Gva{0}) return to(func);
    if (return_) to(*return_);
    if (return_thunk_) to(*return_thunk_);
  }

  /// The condition of a Jcc at `code`: part of the compiled code, which no key changes.
  std::optional<unsigned> condition_at(Gva code) const {
    const ByteView bytes = sites_.text().bytes(code, 2);
    if (bytes.size() < 2 || bytes[0] != std::byte{0x0f} || (bytes[1] & std::byte{0xf0}) != std::byte{0x80})
      return std::nullopt;
    return std::to_integer<unsigned>(bytes[1]) & 0x0f;
  }

  /// Where calls of `func` go with call-depth tracking: `sarq $5, %gs:__x86_call_depth` in its padding.
  std::optional<Gva> thunk_of(Gva func) const {
    constexpr std::uint64_t kThunk = 9;
    if (!thunks_) return std::nullopt;
    const Gva thunk{func.value - kThunk};
    const ByteView bytes = sites_.text().bytes(thunk, kThunk);
    const CodeBytes start{0x65, 0x48, 0xc1, 0x3d};
    if (bytes.size() < kThunk || !std::equal(start.view().begin(), start.view().end(), bytes.begin()))
      return std::nullopt;
    return thunk;
  }

  SiteCollector& sites_;
  Kernel& kernel_;
  std::uint32_t func_ = 0;
  std::optional<Gva> return_zero_, warn_, return_, return_thunk_;
  bool thunks_ = false;
  std::array<bool, 2> unkeyed_{};
};

void add_image_trampolines(SiteCollector& sites, StaticCalls& calls) {
  each_trampoline(sites.kernel(), [&](Gva trampoline, std::optional<Gva> key) {
    if (key)
      calls.add_trampoline(trampoline, *key);
    else if (sites.bits() == 32)
      calls.add_unkeyed(trampoline, nullptr);
    return !sites.full();
  });
}

/// The keys of the tracepoints of modules, by trampoline: with 32 bits a module's symbols name functions
/// alone, and nearly all static calls of modules are those of tracepoints. None where types are missing.
std::unordered_map<std::uint64_t, Gva> tracepoint_keys(Kernel& kernel) {
  std::unordered_map<std::uint64_t, Gva> keys;
  const auto points = tracepoints(kernel, {.names = false, .image = false});
  if (!points) return keys;
  for (const Tracepoint& point : points->entries)
    if (point.call_key && point.call_trampoline) keys.emplace(point.call_trampoline->value, *point.call_key);
  return keys;
}

void add_module_trampolines(SiteCollector& sites, StaticCalls& calls) {
  std::optional<std::unordered_map<std::uint64_t, Gva>> of_tracepoints;
  const auto tracepoint_key = [&](Gva trampoline) -> std::optional<Gva> {
    if (!of_tracepoints) of_tracepoints = tracepoint_keys(sites.kernel());
    const auto key = of_tracepoints->find(trampoline.value);
    return key == of_tracepoints->end() ? std::nullopt : std::optional(key->second);
  };
  Symboliser& symboliser = Symboliser::of(sites.kernel());
  const auto& modules = symboliser.modules();
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (modules[i].state != ModuleState::live) continue;
    const ModuleSymbols& symbols = symboliser.symbols_of(i);
    std::unordered_map<std::string_view, Gva> keys;
    for (std::size_t at = 0; at < symbols.size(); ++at)
      if (symbols.defined(at) && symbols.name(at).starts_with(kStaticCallKeyPrefix))
        keys.emplace(symbols.name(at).substr(kStaticCallKeyPrefix.size()), symbols.address(at));
    if (keys.empty() && sites.bits() == 64) continue;
    for (std::size_t at = 0; at < symbols.size() && !sites.full(); ++at) {
      if (!symbols.defined(at) || !symbols.name(at).starts_with(kTrampolinePrefix)) continue;
      const Gva trampoline = symbols.address(at);
      const auto key = keys.find(symbols.name(at).substr(kTrampolinePrefix.size()));
      if (key != keys.end()) {
        calls.add_trampoline(trampoline, key->second);
      } else if (sites.bits() == 32) {
        if (const auto its = tracepoint_key(trampoline))
          calls.add_trampoline(trampoline, *its);
        else
          calls.add_unkeyed(trampoline, &symbols);
      }
    }
  }
}

}  // namespace

void add_static_calls(SiteCollector& sites) {
  Kernel& kernel = sites.kernel();
  StaticCalls calls(sites);
  const auto first = kernel.find_symbol("__start_static_call_sites"),
             end = kernel.find_symbol("__stop_static_call_sites");
  if (first && end && *first <= *end)
    calls.add_table(*first, (*end - *first) / kEntrySize, "the kernel's static calls");
  each_module_table(sites, "static_call_sites", "num_static_call_sites",
                    [&](Gva table, std::uint64_t count, const std::string& module) {
                      calls.add_table(table, count, "static calls of module " + module);
                    });
  add_image_trampolines(sites, calls);
  add_module_trampolines(sites, calls);
  // Without numbers, which change with modules: this is the same reason at each look.
  for (const bool of_modules : {false, true})
    if (calls.unkeyed(of_modules))
      sites.problem(
          {Errc::unavailable,
           fmt::format("this kernel does not tell where static calls{} must go: of their trampolines "
                       "it is only known that they go to a function",
                       of_modules ? " of modules" : "")});
}

}  // namespace ringside::guest::linux
