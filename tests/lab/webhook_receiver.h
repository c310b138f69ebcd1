// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ringside::lab {

/// A receiver of webhooks at a port of the loopback that stays the same while it comes and goes. What it was
/// sent stays too.
class WebhookReceiver {
 public:
  /// Chooses a port; nobody listens yet.
  WebhookReceiver();
  ~WebhookReceiver() { leave(); }
  WebhookReceiver(const WebhookReceiver&) = delete;
  WebhookReceiver& operator=(const WebhookReceiver&) = delete;

  std::string url() const;
  /// `answers`: else it reads what it is sent and hangs up without a word, as one that dies at the wrong
  /// moment.
  void come(bool answers = true);
  void leave();
  std::vector<nlohmann::json> received() const;

 private:
  void run(bool answers);
  void serve(int connection, bool answers);
  int port_ = 0, listening_ = -1, stop_ = -1;
  mutable std::mutex mutex_;
  std::vector<nlohmann::json> received_;
  std::thread thread_;
};

}  // namespace ringside::lab
