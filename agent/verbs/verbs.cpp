// SPDX-License-Identifier: Apache-2.0
#include "agent/verbs/verbs.h"

namespace ringside::agent {

// In the order in which --help lists them: look, ask, judge, ask the agent, act.
void add_all_verbs(CLI::App& app, Context& context) {
  add_inspect(app, context);
  add_registers(app, context);
  add_msrs(app, context);
  add_gdt(app, context);
  add_idt(app, context);
  add_ps(app, context);
  add_maps(app, context);
  add_files(app, context);
  add_mounts(app, context);
  add_modules(app, context);
  add_dmesg(app, context);
  add_translate(app, context);
  add_read(app, context);
  add_symbols(app, context);
  add_syscalls(app, context);
  add_tables(app, context);
  add_query(app, context);
  add_shell(app, context);
  add_snapshot(app, context);
  add_baseline(app, context);
  add_golden(app, context);
  add_scan(app, context);
  add_policy(app, context);
  add_agent(app, context);
  add_status(app, context);
  add_health(app, context);
  add_guests(app, context);
  add_findings(app, context);
  add_watch(app, context);
  add_evidence(app, context);
  add_write(app, context);
  add_restore(app, context);
  add_doctor(app, context);
  add_completion(app, context);
  add_version(app, context);
}

}  // namespace ringside::agent
