// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/event_hub.h"
#include "agent/store/evidence_store.h"
#include "agent/store/finding_store.h"
#include "agent/store/journal.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace ringside::agent {

/// Where everything that is found, and done about it, is written down: the finding, the journal and what
/// waits for outputs in one transaction, and then it is told to whoever listens. While the disk is full or
/// the file cannot be written, entries wait in memory, in order and bounded. Thread-safe.
class Ledger {
 public:
  /// Puts an event into the queues of outputs, inside the transaction.
  using Enqueue = std::function<Result<void>(const AgentEvent&)>;

  Ledger(StateDatabase& database, FindingStore& findings, Journal& journal, AgentEvents& events,
         Enqueue enqueue);

  void open(FindingRecord found, Moment now);
  void resolve(const std::string& id, const std::string& why, Moment now);
  void seen(std::vector<std::string> ids, Moment now);
  Result<FindingRecord> acknowledge(const std::string& id, FindingRecord::Acknowledged how);
  /// An action that was taken or refused: `what` is its name, `text` says how it went.
  void action(const FindingRecord& finding, const std::string& what, bool done, const std::string& text,
              Moment now);
  /// Journals something else: "baseline.taken", "agent.started".
  void note(const std::string& kind, const Json& body, Moment now);
  /// Tells listeners only.
  void tell(AgentEvent event) { events_.publish(event); }
  /// Writes what waits. Called now and then.
  void flush();

  struct Statistics {
    std::size_t waiting = 0;    ///< entries that could not be written yet
    std::uint64_t dropped = 0;  ///< because too many waited
    std::string error;          ///< why they wait
  };
  Statistics statistics();

 private:
  /// What is done in one transaction; the events are told once it is kept.
  using Entry = std::function<Result<void>(std::vector<AgentEvent>& events)>;
  void write(Entry entry);
  Result<void> try_write(const Entry& entry);

  StateDatabase& database_;
  FindingStore& findings_;
  Journal& journal_;
  AgentEvents& events_;
  Enqueue enqueue_;
  std::mutex mutex_;
  std::deque<Entry> waiting_;
  std::uint64_t dropped_ = 0;
  std::string error_;
};

}  // namespace ringside::agent
