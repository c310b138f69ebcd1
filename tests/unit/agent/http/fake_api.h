// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/agent_api.h"

#include <pthread.h>

#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ringside::agent {

/// An agent that answers with what it was asked.
class FakeApi final : public AgentApi {
 public:
  bool ready(std::string& why) override {
    note("ready");
    why = why_not_ready;
    return why.empty();
  }
  Json status() override { return note("status"), status_document; }
  Json guests() override { return note("guests"), guest_documents; }
  Result<Json> guest(const std::string& name) override {
    note("guest " + name);
    if (name == "none")
      return fail(Errc::not_found, "there is no guest \"none\"", "ringside guests lists them");
    for (const Json& one : guest_documents)
      if (!one.is_object() || !one.contains("name") || one["name"] == name) return one;
    return Json{{"name", name}};
  }
  Result<Json> findings(const FindingStore::Filter& filter) override {
    note("findings");
    last_filter = filter;
    return Json::array({finding_document});
  }
  Result<Json> finding(const std::string& id) override { return note("finding " + id), finding_document; }
  Result<Json> acknowledge(const std::string& id, const std::string& text, const Caller& caller) override {
    note("ack " + id + " " + text + " " + caller.name);
    return finding_document;
  }
  Result<Json> accept(const std::string& id, const std::string& text, const Caller& caller) override {
    note("accept " + id + " " + text + " " + caller.name);
    return finding_document;
  }
  Result<Json> explain(const std::string& id) override { return note("explain " + id), explain_document; }
  Json policies() override { return note("policies"), Json::array(); }
  Json tables() override { return note("tables"), Json::array(); }
  Result<Json> query(const std::string& guest, const std::string& sql) override {
    note("query " + guest + " " + sql);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !blocked_; });
    return Json{{"columns", Json::array()}, {"rows", Json::array()}, {"incomplete", Json::array()}};
  }
  std::string metrics() override { return note("metrics"), "ringside_up 1\n"; }
  Result<Json> reload(const Caller& caller) override {
    note("reload " + caller.name);
    if (fail_reload) throw std::runtime_error("a bug");
    return Json{{"reloaded", true}};
  }
  std::shared_ptr<void> subscribe(std::function<void(const AgentEvent&)> handler) override {
    const std::lock_guard lock(mutex_);
    const int number = next_++;
    handlers_[number] = std::move(handler);
    changed_.notify_all();
    return std::shared_ptr<void>(nullptr, [this, number](void*) {
      const std::lock_guard again(mutex_);
      handlers_.erase(number);
      changed_.notify_all();
    });
  }

  void tell(const AgentEvent& event) {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, handler] : handlers_) handler(event);
  }
  void wait_for_subscribers(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(30), [&] { return handlers_.size() == count; }))
      throw std::runtime_error("the subscribers did not come or go");
  }
  void block(bool on) {
    const std::lock_guard lock(mutex_);
    blocked_ = on;
    changed_.notify_all();
  }
  void wait_for_call(const std::string& what) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(30), [&] { return seen(what); }))
      throw std::runtime_error("no call of " + what);
  }
  std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  bool on_io_thread() {
    const std::lock_guard lock(mutex_);
    return on_io_thread_;
  }

  Json status_document{{"version", "1"}}, guest_documents = Json::array({{{"name", "vm1"}}}),
                                          finding_document{{"id", "0123456789ab"}},
                                          explain_document{{"id", "0123456789ab"}};
  std::string why_not_ready;
  bool fail_reload = false;
  FindingStore::Filter last_filter;

 private:
  bool seen(const std::string& what) {
    for (const auto& call : calls_)
      if (call == what) return true;
    return false;
  }
  void note(std::string call) {
    std::array<char, 32> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    const std::lock_guard lock(mutex_);
    if (std::string(name.data()) == "ringside-io") on_io_thread_ = true;
    calls_.push_back(std::move(call));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> calls_;
  std::map<int, std::function<void(const AgentEvent&)>> handlers_;
  int next_ = 0;
  bool blocked_ = false, on_io_thread_ = false;
};

/// "guest", "vm1 was reset".
inline AgentEvent sample_event(const std::string& text = "vm1 was reset") {
  AgentEvent event{AgentEvent::Kind::guest, Moment{}, "vm1", "vm1", "reset", text, std::nullopt};
  return event;
}

}  // namespace ringside::agent
