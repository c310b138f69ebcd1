// SPDX-License-Identifier: Apache-2.0
// Types as C writes them: a declaration without a name, built from the inside out.
#include "guest/linux/btf.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::size_t kMaxLength = 1024;  // of a spelling; what is longer ends in an ellipsis
constexpr unsigned kMaxSteps = 256;       // types that one spelling looks at
constexpr unsigned kMaxNesting = 4;       // functions that take functions
constexpr std::uint32_t kMaxParameters = 32;

std::string tagged(std::string_view word, std::string_view name) {
  return std::string(word) + " " + (name.empty() ? "{...}" : std::string(name));
}

/// A `*` binds weaker than what follows it.
std::string bound(const std::string& declarator) {
  return declarator.starts_with('*') ? "(" + declarator + ")" : declarator;
}

/// "const" in front of what a pointer stands on, or behind the `*` of the pointer that it is about.
std::string qualified(const std::string& qualifiers, const std::string& declarator) {
  if (qualifiers.empty()) return declarator;
  return qualifiers + (declarator.empty() || declarator.starts_with('*') || declarator.starts_with('[')
                           ? declarator
                           : " " + declarator);
}

}  // namespace

std::string Btf::spelled(Id id) const {
  unsigned budget = kMaxSteps;
  return spelled(id, 0, budget);
}

std::string Btf::parameters(Id id, unsigned nesting, unsigned& budget) const {
  const auto type = record(id);
  if (type.count == 0) return "(void)";
  if (nesting >= kMaxNesting) return "(...)";
  std::string text = "(";
  const auto count = std::min(type.count, kMaxParameters);
  for (std::uint32_t i = 0; i < count && text.size() < kMaxLength; ++i) {
    if (i > 0) text += ", ";
    const Id parameter = type.word(2 * std::size_t{i} + 1);
    text += parameter == 0 ? "..." : spelled(parameter, nesting + 1, budget);
  }
  return text + (count < type.count ? ", ...)" : ")");
}

std::string Btf::spelled(Id id, unsigned nesting, unsigned& budget) const {
  std::string declarator, qualifiers, base;
  while (base.empty()) {
    if (budget == 0 || declarator.size() > kMaxLength) return "...";
    --budget;
    const auto type = record(id);
    const auto type_name = string(type.name);
    switch (type.kind) {
      case Kind::const_:
      case Kind::volatile_:
      case Kind::restrict_: {
        const char* word = type.kind == Kind::const_      ? "const"
                           : type.kind == Kind::volatile_ ? "volatile"
                                                          : "restrict";
        qualifiers += (qualifiers.empty() ? "" : " ") + std::string(word);
        id = type.size_or_type;
        break;
      }
      case Kind::type_tag:  // __user, __rcu, __percpu: not part of C
        id = type.size_or_type;
        break;
      case Kind::pointer:
        declarator = "*" + qualified(qualifiers, declarator);
        qualifiers.clear();
        id = type.size_or_type;
        break;
      case Kind::array:
        declarator = bound(declarator) + "[" + (type.word(2) == 0 ? "" : std::to_string(type.word(2))) + "]";
        id = type.word(0);
        break;
      case Kind::function_proto:
        declarator = bound(declarator) + parameters(id, nesting, budget);
        id = type.size_or_type;
        break;
      case Kind::function:
      case Kind::variable:
        id = type.size_or_type;
        break;
      case Kind::void_:
        base = "void";
        break;
      case Kind::struct_:
        base = tagged("struct", type_name);
        break;
      case Kind::union_:
        base = tagged("union", type_name);
        break;
      case Kind::enum_:
      case Kind::enum64:
        base = tagged("enum", type_name);
        break;
      case Kind::forward:
        base = tagged(type.flag ? "union" : "struct", type_name);
        break;
      case Kind::integer:
      case Kind::typedef_:
      case Kind::floating:
        base = type_name.empty() ? "?" : std::string(type_name);
        break;
      default:
        base = "?";
    }
  }
  if (!qualifiers.empty()) base = qualifiers + " " + base;
  const bool apart = !declarator.empty() && !declarator.starts_with('[');
  return base + (apart ? " " : "") + declarator;
}

}  // namespace ringside::guest::linux
