// SPDX-License-Identifier: Apache-2.0
#include "agent/session.h"

#include "agent/libvirt/connect.h"
#include "agent/log.h"
#include "agent/state_directory.h"
#include "agent/target.h"
#include "guest/live/freeze_journal.h"
#include "guest/live/golden_files.h"
#include "guest/snapshot_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

namespace {

/// Gives back what a killed ringside left frozen. What cannot be given back stays in the journal.
void replay_journal(guest::live::FreezeJournal& journal, io::EventLoop& loop) {
  for (const auto& replayed : journal.replay(connectors(loop))) {
    const std::string who = io::to_string(replayed.entry.monitor);
    if (replayed.outcome)
      log::warning(fmt::format("{}: gave the guest back that an interrupted ringside (pid {}) had frozen",
                               who, replayed.entry.owner));
    else
      log::warning(
          fmt::format("{}: an interrupted ringside (pid {}) froze this guest; giving it back failed: {}", who,
                      replayed.entry.owner, replayed.outcome.error().message));
  }
}

}  // namespace

Attempt<std::unique_ptr<Session>> Session::open(const Options& options) {
  auto target = parse_target(options.target, options.tls);
  if (!target) {
    const bool nonsense = target.error().code == Errc::invalid_argument;
    return fail(Failure(std::move(target).error(), nonsense ? Exit::usage : Exit::not_attached));
  }
  auto session = std::unique_ptr<Session>(new Session);
  if (const auto* file = std::get_if<SnapshotPath>(&*target)) {
    auto loaded = guest::load_snapshot(file->path);
    if (!loaded) return fail(Failure(loaded.error().within(file->path), Exit::not_attached));
    session->snapshot_ = std::move(*loaded);
    if (const auto state = StateDirectory::open())
      session->snapshot_->keep<guest::linux::GoldenStore>(
          std::make_shared<guest::live::GoldenFiles>(state->path()));
    return session;
  }
  auto state = StateDirectory::open();
  if (!state) return fail(Failure(std::move(state).error(), Exit::internal));
  session->loop_ = std::make_unique<io::EventLoop>();
  guest::live::FreezeJournal journal(state->freeze_journal());
  replay_journal(journal, *session->loop_);

  qmp::ConnectOptions connect;
  connect.connect_deadline = options.timeout;
  connect.greeting_deadline = std::min(connect.greeting_deadline, options.timeout);
  guest::live::AttachOptions attach =
      attach_options(*session->loop_, std::get<io::Endpoint>(*target), connect);
  attach.backend = options.backend;
  attach.state_directory = state->path();
  auto live = guest::live::LiveGuest::attach(*session->loop_, std::move(attach));
  if (!live) return fail(Failure(live.error().within(options.target), Exit::not_attached));
  session->live_ = std::move(*live);
  for (const auto& note : session->live_->backend_notes()) log::debug(note);
  return session;
}

Attempt<guest::live::LiveGuest*> Session::need_live(std::string_view verb) {
  if (live_ == nullptr)
    return fail(
        Failure({Errc::invalid_argument, fmt::format("{} needs a running guest, not a snapshot file", verb),
                 "give the guest's QMP socket"},
                Exit::usage));
  return live_.get();
}

Result<guest::Snapshot*> Session::snapshot(guest::live::MsrSource msrs) {
  if (live_ != nullptr) {
    snapshot_.reset();
    RINGSIDE_TRY(snapshot_, live_->snapshot(msrs));
  }
  return snapshot_.get();
}

}  // namespace ringside::agent
