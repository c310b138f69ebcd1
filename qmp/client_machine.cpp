// SPDX-License-Identifier: Apache-2.0
#include "qmp/client_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringside::qmp {

ClientMachine::ClientMachine(Options options)
    : options_(options),
      decoder_(std::min(options.message_bound, kGreetingBound)),
      negotiation_(options.first_id),
      next_id_(options.first_id + 1) {}

Result<ClientMachine::CallId> ClientMachine::submit(std::string_view command, const Json& arguments) {
  if (ended_)
    return fail(Errc::closed, "the monitor's connection has ended: " + ended_->message, ended_->hint);
  RINGSIDE_TRY(std::string bytes, encode_command(command, arguments, next_id_));
  waiting_.push_back({next_id_, std::move(bytes)});
  return next_id_++;
}

void ClientMachine::abandon(CallId id) {
  const auto is_call = [id](const Write& write) { return write.id == id; };
  if (std::erase_if(waiting_, is_call) != 0) return;
  if (const auto call = in_flight_.find(id); call != in_flight_.end()) call->second = CallState::abandoned;
}

ClientMachine::CallState ClientMachine::state(CallId id) const {
  if (const auto call = in_flight_.find(id); call != in_flight_.end()) return call->second;
  const bool waits =
      std::any_of(waiting_.begin(), waiting_.end(), [id](const Write& w) { return w.id == id; });
  return waits ? CallState::waiting : CallState::done;
}

std::optional<ClientMachine::Write> ClientMachine::next_write() {
  if (ended_) return std::nullopt;
  std::optional<Write> write;
  if (negotiation_write_) {
    write = std::exchange(negotiation_write_, std::nullopt);
  } else if (phase_ == Phase::ready && !waiting_.empty() && in_flight_.size() < options_.window) {
    write = std::move(waiting_.front());
    waiting_.pop_front();
  } else {
    return std::nullopt;
  }
  in_flight_.emplace(write->id, CallState::sent);
  return write;
}

void ClientMachine::receive(ByteView bytes) {
  if (ended_) return;
  decoder_.feed(bytes);
  while (!ended_) {
    auto message = decoder_.next();
    if (!message) {
      Error why = message.error();
      if (greeting_) why.hint.clear();  // it speaks of a wrong socket
      return end(why);
    }
    if (!*message) return;
    std::visit([this](auto&& value) { handle(std::forward<decltype(value)>(value)); }, std::move(**message));
  }
}

void ClientMachine::handle(Greeting&& greeting) {
  if (phase_ != Phase::greeting)
    return end({Errc::malformed, "the monitor greeted twice", "another program may share its connection"});
  greeting_ = std::move(greeting);
  decoder_.set_bound(options_.message_bound);
  phase_ = Phase::negotiating;
  // Out-of-band execution is not asked for: no command that ringside uses is allowed there.
  negotiation_write_ = Write{negotiation_, encode_command("qmp_capabilities", Json(), negotiation_).value()};
}

void ClientMachine::handle(Event&& event) {
  actions_.emplace_back(std::move(event));
}

void ClientMachine::handle(Reply&& reply) {
  settle(reply.id, std::move(reply.value));
}

void ClientMachine::handle(ErrorReply&& reply) {
  Result<Json> result = fail(Errc::peer_error, fmt::format("{}: {}", reply.error_class, reply.description));
  if (reply.id) return settle(*reply.id, std::move(result));
  // QEMU could not parse what it was sent, so it knows no id: that can only be the oldest of the commands it
  // has.
  // (Without any, it is the reply to none.)
  settle(in_flight_.empty() ? 0 : in_flight_.begin()->first, std::move(result));
}

void ClientMachine::settle(CallId id, Result<Json> result) {
  const auto call = in_flight_.find(id);
  if (call == in_flight_.end()) {
    ++dropped_;  // to a former connection's command
    if (++strange_ > kMostStrange)
      end({Errc::malformed, "the monitor answers commands that nobody has given", {}});
    return;
  }
  const bool wanted = call->second == CallState::sent;
  in_flight_.erase(call);
  if (id == negotiation_) {
    if (!result) return end(result.error().within("negotiating capabilities"));
    phase_ = Phase::ready;
    actions_.emplace_back(Ready{});
  } else if (wanted) {
    actions_.emplace_back(Finished{id, std::move(result)});
  } else {
    ++dropped_;
  }
}

void ClientMachine::end(const Error& why) {
  if (ended_) return;
  ended_ = why;
  for (const auto& [id, state] : in_flight_)
    if (state == CallState::sent && id != negotiation_) actions_.emplace_back(Finished{id, fail(why)});
  for (const Write& write : waiting_) actions_.emplace_back(Finished{write.id, fail(why)});
  in_flight_.clear();
  waiting_.clear();
  actions_.emplace_back(Ended{why});
}

std::optional<ClientMachine::Action> ClientMachine::next_action() {
  if (actions_.empty()) return std::nullopt;
  std::optional<Action> action = std::move(actions_.front());
  actions_.pop_front();
  return action;
}

}  // namespace ringside::qmp
