// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/yaml_reader.h"

#include "policies/engine/spelling.h"

#include <algorithm>

namespace ringside::policies {

namespace {

// A file that is wrong in more places than this is not a policy.
constexpr std::size_t kMaxErrors = 100;

}  // namespace

void Diagnosis::add(Diagnostic diagnostic) {
  if (errors_.size() < kMaxErrors) errors_.push_back(std::move(diagnostic));
}

void Diagnosis::error(const YAML::Mark& mark, std::string message, std::string hint) {
  add(source_.at(source_.position(mark.line, mark.column), std::move(message), std::move(hint)));
}

void Diagnosis::error(const YAML::Node& node, std::string message, std::string hint) {
  error(node.Mark(), std::move(message), std::move(hint));
}

void Diagnosis::error(const Scalar& scalar, std::size_t offset, std::string message, std::string hint) {
  const auto mark = scalar.node.Mark();
  const auto start = source_.position(mark.line, mark.column);
  add(source_.at(source_.in_scalar(start, scalar.text, offset), std::move(message), std::move(hint)));
}

Mapping::Mapping(Diagnosis& diagnosis, const YAML::Node& node, std::string what,
                 std::vector<std::string> keys)
    : diagnosis_(diagnosis), node_(node), what_(std::move(what)) {
  if (!node.IsMap()) {
    diagnosis_.error(node, what_ + " must be a mapping of keys to values");
    broken_ = true;
    return;
  }
  for (const auto& pair : node) {
    if (!pair.first.IsScalar()) {
      diagnosis_.error(pair.first, "a key must be a plain word");
      continue;
    }
    const std::string key = pair.first.Scalar();
    if (key.starts_with("x-")) continue;
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      diagnosis_.error(pair.first, "unknown key `" + key + "` in " + what_, suggestion(key, keys));
    } else if (const auto* first = find(key)) {
      diagnosis_.error(pair.first, "key `" + key + "` stands twice in " + what_,
                       "the first is in line " + std::to_string(first->key_node.Mark().line + 1));
    } else {
      entries_.push_back({key, pair.first, pair.second});
    }
  }
}

const Mapping::Entry* Mapping::find(std::string_view key) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries_.end() ? nullptr : &*found;
}

YAML::Node Mapping::get(std::string_view key) const {
  const auto* entry = find(key);
  return entry == nullptr ? YAML::Node(YAML::NodeType::Undefined) : entry->value;
}

YAML::Mark Mapping::key_mark(std::string_view key) const {
  const auto* entry = find(key);
  return entry == nullptr ? node_.Mark() : entry->key_node.Mark();
}

bool Mapping::missing(std::string_view key, bool required) const {
  if (has(key)) return false;
  if (required && !broken_) diagnosis_.error(node_, what_ + " needs key `" + std::string(key) + "`");
  return true;
}

std::optional<Scalar> Mapping::text(std::string_view key, bool required) const {
  if (missing(key, required)) return std::nullopt;
  const auto& value = find(key)->value;
  if (!value.IsScalar() || value.Scalar().empty()) {
    // An empty value has no place of its own.
    diagnosis_.error(value.IsNull() || value.IsScalar() ? key_mark(key) : value.Mark(),
                     "`" + std::string(key) + "` must be a text that is not empty");
    return std::nullopt;
  }
  return Scalar{value.Scalar(), value};
}

std::vector<Scalar> Mapping::list(std::string_view key, bool required) const {
  if (missing(key, required)) return {};
  const auto& value = find(key)->value;
  if (value.IsScalar() && !value.Scalar().empty()) return {{value.Scalar(), value}};
  if (!value.IsSequence() || value.size() == 0) {
    diagnosis_.error(value.IsNull() || value.IsScalar() ? key_mark(key) : value.Mark(),
                     "`" + std::string(key) + "` must be a list that is not empty");
    return {};
  }
  std::vector<Scalar> all;
  for (const auto& one : value) {
    if (!one.IsScalar() || one.Scalar().empty())
      diagnosis_.error(one.IsNull() ? key_mark(key) : one.Mark(),
                       "`" + std::string(key) + "` must hold texts that are not empty");
    else
      all.push_back({one.Scalar(), one});
  }
  return all;
}

void Mapping::constant(std::string_view key, std::string_view wanted) const {
  const auto value = text(key, true);
  if (value && value->text != wanted)
    diagnosis_.error(value->node, "`" + std::string(key) + "` must be `" + std::string(wanted) + "`");
}

std::optional<bool> Mapping::boolean(std::string_view key) const {
  if (missing(key, false)) return std::nullopt;
  const auto& value = find(key)->value;
  if (value.IsScalar() && value.Scalar() == "true") return true;
  if (value.IsScalar() && value.Scalar() == "false") return false;
  diagnosis_.error(value.IsNull() ? key_mark(key) : value.Mark(),
                   "`" + std::string(key) + "` must be true or false");
  return std::nullopt;
}

}  // namespace ringside::policies
