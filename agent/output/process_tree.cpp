// SPDX-License-Identifier: Apache-2.0
#include "agent/output/process_tree.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

namespace ringside::agent {

namespace {

using policies::Value;
using Rows = std::vector<std::vector<Value>>;

// A guest can nest its processes as deep as it likes; a line cannot.
constexpr std::size_t kMaxIndent = 40;

std::int64_t number(const Value& value) {
  const auto* found = std::get_if<std::int64_t>(&value);
  return found == nullptr ? 0 : *found;
}

class Tree {
 public:
  Tree(Rows rows, std::size_t id, std::size_t parent, std::size_t name)
      : rows_(std::move(rows)), name_(name), placed_(rows_.size()) {
    std::unordered_map<std::int64_t, std::size_t> by_id;
    for (std::size_t i = 0; i < rows_.size(); ++i) by_id.try_emplace(number(rows_[i][id]), i);
    children_.resize(rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const auto found = by_id.find(number(rows_[i][parent]));
      if (found == by_id.end())
        roots_.push_back(i);
      else
        children_[found->second].push_back(i);
    }
  }

  Rows ordered() && {
    for (const std::size_t root : roots_) place(root);
    // What no root leads to hangs in a loop.
    for (std::size_t i = 0; i < rows_.size(); ++i) place(i);
    return std::move(out_);
  }

 private:
  void place(std::size_t root) {
    std::vector<std::pair<std::size_t, std::size_t>> waiting{{root, 0}};  // row, depth
    while (!waiting.empty()) {
      const auto [row, depth] = waiting.back();
      waiting.pop_back();
      if (placed_[row]) continue;
      placed_[row] = true;
      out_.push_back(std::move(rows_[row]));
      if (auto* text = std::get_if<std::string>(&out_.back()[name_]); text != nullptr && depth > 0)
        text->insert(0, std::string(2 * std::min(depth - 1, kMaxIndent), ' ') + "\\_ ");
      for (auto child = children_[row].rbegin(); child != children_[row].rend(); ++child)
        waiting.emplace_back(*child, depth + 1);
    }
  }

  Rows rows_, out_;
  std::size_t name_;
  std::vector<bool> placed_;
  std::vector<std::size_t> roots_;
  std::vector<std::vector<std::size_t>> children_;
};

}  // namespace

Rows as_tree(Rows rows, std::size_t id, std::size_t parent, std::size_t name) {
  return Tree(std::move(rows), id, parent, name).ordered();
}

}  // namespace ringside::agent
