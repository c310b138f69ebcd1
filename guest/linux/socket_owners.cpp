// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/socket_owners.h"

#include "guest/linux/open_files.h"
#include "guest/linux/tasks.h"

#include <set>

namespace ringside::guest::linux {

Result<Listing<OwnedSocket>> owned_sockets(Kernel& kernel) {
  RINGSIDE_TRY(const Gva operations, kernel.symbol("socket_file_ops"));
  RINGSIDE_TRY(const Field sock, kernel.field("socket", "sk"));
  RINGSIDE_CHECK(kernel.field("file", "private_data"));
  TaskQuery query;
  query.parts = TaskParts::pointers;
  // Threads, not processes: a thread can have files of its own.
  auto all = threads(kernel, query);
  Listing<OwnedSocket> listing;
  for (auto& error : all.problems) listing.problem(std::move(error));
  std::set<std::uint64_t> seen;
  for (const Task& task : all.entries) {
    if (!task.files || task.files->value == 0 || !seen.insert(task.files->value).second) continue;
    const auto files = open_files(kernel, *task.files, false);
    const std::string of_task = "files of process " + std::to_string(task.tgid);
    if (!files) {
      listing.problem(files.error().within(of_task));
      continue;
    }
    for (const auto& error : files->problems) listing.problem(error.within(of_task));
    for (const OpenFile& file : files->entries) {
      if (file.operations != operations || !file.private_data) continue;
      const auto sk = kernel.read_pointer_field(*file.private_data, sock);
      if (!sk) {
        listing.problem(sk.error().within(of_task));
      } else if (sk->value != 0) {
        if (listing.entries.size() == kMaxSockets) return listing;
        listing.entries.push_back({*sk, {task.tgid, task.comm, file.fd}});
      }
    }
  }
  return listing;
}

}  // namespace ringside::guest::linux
