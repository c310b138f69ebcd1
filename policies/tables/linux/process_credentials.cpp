// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/credential_views.h"
#include "policies/tables/linux/view_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

template <class T>
Value of(const std::optional<linux::Credentials>& credentials, std::optional<T> linux::Credentials::*member) {
  return credentials ? cell_or_null((*credentials).*member) : null_cell();
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  const auto listing = linux::credential_views(*kernel);
  report_problems(listing, sink);
  using C = linux::Credentials;
  for (const auto& view : listing.entries) {
    const linux::Task& task = view.task;
    const Value overridden =
        task.cred && task.real_cred ? Value(std::int64_t{*task.cred != *task.real_cred}) : null_cell();
    if (!sink.row({std::int64_t{task.tgid},
                   std::int64_t{task.pid},
                   cell(task.comm),
                   std::int64_t{task.kernel_thread()},
                   cell(task.flags),
                   of(task.credentials, &C::uid),
                   of(task.credentials, &C::euid),
                   of(view.acting, &C::euid),
                   of(view.acting, &C::fsuid),
                   overridden,
                   truth_cell(view.objective_of_init),
                   truth_cell(view.subjective_of_init),
                   number_cell(view.objective_shared_with),
                   number_cell(view.subjective_shared_with),
                   number_cell(view.usage),
                   cell_or_null(view.effective_beyond),
                   cell_or_null(view.ambient_beyond),
                   truth_cell(view.netns_listed),
                   gva_cell(task.real_cred),
                   gva_cell(task.cred),
                   cell(task.address.value)}))
      break;
  }
  return {};
}

}  // namespace

Table process_credentials_table() {
  using enum ColumnType;
  constexpr auto kept = Stability::kept, live = Stability::live;
  return {
      .name = "process_credentials",
      .doc = "Linux: the credentials of every thread, and with whom it shares them.",
      .columns = {{"pid", integer, "process id, in the first pid namespace"},
                  {"tid", integer, "thread id"},
                  {"comm", text, "name, at most 15 bytes"},
                  {"kernel_thread", boolean, "runs in the kernel only"},
                  {"flags", address, "PF_*, a bit each", live},
                  {"uid", integer, "real user id, in real_cred"},
                  {"euid", integer, "effective user id, in real_cred"},
                  {"acting_euid", integer, "effective user id that it acts with, in cred", live},
                  {"acting_fsuid", integer, "user id for files that it acts with", live},
                  {"overridden", boolean,
                   "cred and real_cred differ: the kernel acts for it in another's name", live},
                  {"init_cred", boolean, "real_cred is that of the first task, which only that has"},
                  {"acting_init_cred", boolean, "cred is that of the first task", live},
                  {"shared_with", integer,
                   "pid of another process that has the same real_cred; none ever has"},
                  {"acting_shared_with", integer, "pid of another process whose real_cred is its cred", live},
                  {"usage", integer, "references to real_cred; at least 1 while a task has it", live},
                  {"effective_beyond", address,
                   "effective capabilities that are not permitted: none ever are"},
                  {"ambient_beyond", address, "ambient capabilities that are not permitted and inheritable"},
                  {"netns_listed", boolean, "its network namespace is one that the kernel lists"},
                  {"real_cred", address, "credentials that others see", kept},
                  {"cred", address, "credentials that it acts with", kept},
                  {"task", address, "its task_struct", kept}},
      .pushdown = {},
      .identity = {"tid", "task"},
      .example = "SELECT pid, comm, uid, shared_with FROM process_credentials WHERE shared_with IS NOT NULL",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
