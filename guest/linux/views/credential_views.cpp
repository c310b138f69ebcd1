// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/credential_views.h"

#include "guest/linux/net_namespaces.h"
#include "guest/linux/object_reader.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace ringside::guest::linux {

namespace {

constexpr auto kParts = TaskParts::pointers | TaskParts::credentials | TaskParts::state;

std::uint64_t beyond_effective(const Credentials& one) {
  return one.effective.value_or(0) & ~one.permitted.value_or(0);
}
std::uint64_t beyond_ambient(const Credentials& one) {
  return one.ambient.value_or(0) & ~(one.permitted.value_or(0) & one.inheritable.value_or(0));
}

class Collector {
 public:
  explicit Collector(Kernel& kernel)
      : kernel_(kernel),
        acting_(kernel, false),
        usage_reader_(kernel, "cred"),
        usage_(usage_reader_.add({"usage.counter", "usage"})) {}

  Listing<CredentialView> run() {
    auto list = threads(kernel_, {kParts, {}});
    for (Error& error : list.problems) listing_.problem(std::move(error));
    for (const Error& error : usage_reader_.missing()) listing_.problem(error);
    find_init();
    find_namespaces();
    for (const Task& task : list.entries)
      if (task.real_cred && *task.real_cred != Gva{0}) owners_[task.real_cred->value].insert(task.tgid);
    for (Task& task : list.entries) take(std::move(task));
    return std::move(listing_);
  }

 private:
  void find_init() {
    if (const auto symbol = kernel_.find_symbol("init_cred")) {
      init_ = *symbol;
      return;
    }
    // Where only functions have names: what the first task of all has.
    const auto first = kernel_.symbol("init_task");
    const auto field = kernel_.field("task_struct", "real_cred");
    if (!first || !field) return;
    if (const auto read = kernel_.read_pointer_field(*first, *field)) init_ = *read;
  }

  void find_namespaces() {
    const auto link = kernel_.field("nsproxy", "net_ns");
    const auto listed = net_namespaces(kernel_);
    if (!link || !listed) return;
    for (const Error& error : listed->problems) listing_.problem(error);
    if (!listed->problems.empty()) return;
    net_ns_ = *link;
    for (const NetNamespace& space : listed->entries) namespaces_.insert(space.gva.value);
  }

  void take(Task task) {
    CredentialView view;
    const auto problem = [&](const Error& error) {
      listing_.problem(error.within("thread " + std::to_string(task.pid)));
    };
    const Gva real = task.real_cred.value_or(Gva{0}), acting = task.cred.value_or(Gva{0});
    if (init_ && task.real_cred) view.objective_of_init = real == *init_;
    if (init_ && task.cred) view.subjective_of_init = acting == *init_;
    view.objective_shared_with = another(real, task.tgid);
    view.subjective_shared_with = another(acting, task.tgid);
    if (acting != Gva{0}) {
      auto read =
          acting == real && task.credentials ? Result<Credentials>(*task.credentials) : acting_.read(acting);
      if (read)
        view.acting = *read;
      else
        problem(read.error());
    }
    if (task.credentials && view.acting) {
      view.effective_beyond = beyond_effective(*task.credentials) | beyond_effective(*view.acting);
      view.ambient_beyond = beyond_ambient(*task.credentials) | beyond_ambient(*view.acting);
    }
    if (real != Gva{0} && usage_reader_.has(usage_) && usage_reader_.read(real))
      if (const auto count = usage_reader_.integer(usage_)) view.usage = static_cast<std::int64_t>(*count);
    if (net_ns_ && task.nsproxy && *task.nsproxy != Gva{0}) {
      const auto net = kernel_.read_pointer_field(*task.nsproxy, *net_ns_);
      if (net)
        view.netns_listed = namespaces_.contains(net->value);
      else
        problem(net.error());
    }
    view.task = std::move(task);
    listing_.entries.push_back(std::move(view));
  }

  std::optional<std::int32_t> another(Gva cred, std::int32_t than) const {
    const auto found = owners_.find(cred.value);
    if (found == owners_.end()) return std::nullopt;
    for (const std::int32_t tgid : found->second)
      if (tgid != than) return tgid;
    return std::nullopt;
  }

  Kernel& kernel_;
  CredentialsReader acting_;
  ObjectReader usage_reader_;
  ObjectReader::Member usage_;
  Listing<CredentialView> listing_;
  std::optional<Gva> init_;
  std::optional<Field> net_ns_;
  std::set<std::uint64_t> namespaces_;
  std::map<std::uint64_t, std::set<std::int32_t>> owners_;  ///< processes by real_cred
};

}  // namespace

Listing<CredentialView> credential_views(Kernel& kernel) {
  return Collector(kernel).run();
}

}  // namespace ringside::guest::linux
