// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/each_process.h"

#include <limits>

namespace ringside::policies {

namespace linux = guest::linux;

Result<void> each_process(linux::Kernel& kernel, const TableRequest& request, RowSink& sink,
                          const std::function<bool(const linux::Task&)>& visit) {
  linux::TaskQuery query;
  query.parts = linux::TaskParts::pointers;
  if (const auto found = request.equal.find("pid"); found != request.equal.end())
    if (const auto* pid = std::get_if<std::int64_t>(&found->second)) {
      if (*pid < 0 || *pid > std::numeric_limits<std::int32_t>::max()) return {};
      query.tgid = static_cast<std::int32_t>(*pid);
    }
  const auto listing = linux::tasks(kernel, query);
  report_problems(listing, sink);
  for (const auto& task : listing.entries)
    if (!visit(task)) break;
  return {};
}

}  // namespace ringside::policies
