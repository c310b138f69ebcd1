// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace ringside::agent {

struct Context;

/// Each adds one verb to the command line; when it is parsed, Context::action is its work.
void add_agent(CLI::App& app, Context& context);
void add_baseline(CLI::App& app, Context& context);
/// `baseline accept` and `policy explain`, below their verbs.
void add_baseline_accept(CLI::App& baseline, Context& context);
void add_policy_explain(CLI::App& policy, Context& context);
void add_completion(CLI::App& app, Context& context);
void add_dmesg(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_evidence(CLI::App& app, Context& context);
void add_files(CLI::App& app, Context& context);
void add_findings(CLI::App& app, Context& context);
void add_gdt(CLI::App& app, Context& context);
void add_golden(CLI::App& app, Context& context);
void add_guests(CLI::App& app, Context& context);
void add_health(CLI::App& app, Context& context);
void add_idt(CLI::App& app, Context& context);
void add_inspect(CLI::App& app, Context& context);
void add_modules(CLI::App& app, Context& context);
void add_maps(CLI::App& app, Context& context);
void add_mounts(CLI::App& app, Context& context);
void add_msrs(CLI::App& app, Context& context);
void add_policy(CLI::App& app, Context& context);
/// A verb of the verb `policy`.
void add_policy_test(CLI::App& policy_verb, Context& context);
void add_ps(CLI::App& app, Context& context);
void add_query(CLI::App& app, Context& context);
void add_read(CLI::App& app, Context& context);
void add_registers(CLI::App& app, Context& context);
void add_restore(CLI::App& app, Context& context);
void add_scan(CLI::App& app, Context& context);
void add_shell(CLI::App& app, Context& context);
void add_snapshot(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_symbols(CLI::App& app, Context& context);
void add_syscalls(CLI::App& app, Context& context);
void add_tables(CLI::App& app, Context& context);
void add_translate(CLI::App& app, Context& context);
void add_version(CLI::App& app, Context& context);
void add_watch(CLI::App& app, Context& context);
void add_write(CLI::App& app, Context& context);

void add_all_verbs(CLI::App& app, Context& context);

}  // namespace ringside::agent
