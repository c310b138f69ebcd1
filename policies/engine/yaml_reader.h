// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/source_text.h"

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::policies {

/// A text with the YAML scalar that it was read from.
struct Scalar {
  std::string text;
  YAML::Node node;
};

/// Collects what is wrong with one file.
class Diagnosis {
 public:
  explicit Diagnosis(const SourceText& source) : source_(source) {}
  void error(const YAML::Mark& mark, std::string message, std::string hint = {});
  void error(const YAML::Node& node, std::string message, std::string hint = {});
  /// At byte `offset` of the value of `scalar`.
  void error(const Scalar& scalar, std::size_t offset, std::string message, std::string hint = {});
  std::vector<Diagnostic> take() { return std::move(errors_); }
  std::size_t count() const { return errors_.size(); }

 private:
  void add(Diagnostic diagnostic);
  const SourceText& source_;
  std::vector<Diagnostic> errors_;
};

/// A YAML mapping with a fixed set of keys. Unknown keys, except `x-...`, and keys that stand twice are
/// errors.
class Mapping {
 public:
  /// `what` names it in messages: "a check". If `node` is no mapping, that is the only error.
  Mapping(Diagnosis& diagnosis, const YAML::Node& node, std::string what, std::vector<std::string> keys);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const YAML::Node& node() const { return node_; }
  /// The value's node; undefined if there is none.
  YAML::Node get(std::string_view key) const;
  /// Where the key stands; the mapping itself if it does not.
  YAML::Mark key_mark(std::string_view key) const;
  /// A scalar that is not empty. Not there: nullopt, an error if `required`.
  std::optional<Scalar> text(std::string_view key, bool required = false) const;
  /// One scalar, or a list of them.
  std::vector<Scalar> list(std::string_view key, bool required = false) const;
  /// The key must be there with this value: `kind: Policy`.
  void constant(std::string_view key, std::string_view wanted) const;
  /// true or false.
  std::optional<bool> boolean(std::string_view key) const;

 private:
  struct Entry {
    std::string key;
    YAML::Node key_node, value;
  };
  const Entry* find(std::string_view key) const;
  bool missing(std::string_view key, bool required) const;
  Diagnosis& diagnosis_;
  YAML::Node node_;
  std::string what_;
  std::vector<Entry> entries_;
  bool broken_ = false;  ///< no mapping at all: missing keys are no news
};

}  // namespace ringside::policies
