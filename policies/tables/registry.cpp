// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/golden_tables.h"
#include "policies/tables/linux/pages_tables.h"
#include "policies/tables/linux/subsystem_tables.h"
#include "policies/tables/linux/text_tables.h"
#include "policies/tables/linux/trace_tables.h"
#include "policies/tables/linux/view_tables.h"
#include "policies/tables/support.h"

#include <algorithm>

namespace ringside::policies {

std::string_view to_string(ColumnType type) {
  switch (type) {
    case ColumnType::integer:
      return "integer";
    case ColumnType::address:
      return "address";
    case ColumnType::boolean:
      return "boolean";
    case ColumnType::text:
      return "text";
    case ColumnType::bytes:
      return "bytes";
  }
  return "?";
}

const std::vector<Table>& tables() {
  // clang-format off: one a line
  static const std::vector<Table> all = {
      binary_formats_table(),
      bpf_links_table(),
      bpf_maps_table(),
      bpf_programs_table(),
      character_devices_table(),
      cpus_table(),
      device_operations_table(),
      dmesg_table(),
      executable_pages_table(),
      file_operations_table(),
      file_pages_table(),
      file_systems_table(),
      fprobes_table(),
      ftrace_direct_calls_table(),
      ftrace_filters_table(),
      ftrace_ops_table(),
      gdt_table(),
      guest_table(),
      idt_table(),
      input_handlers_table(),
      interfaces_table(),
      interrupt_handlers_table(),
      interrupt_stacks_table(),
      kernel_table(),
      kernel_callbacks_table(),
      kernel_rodata_changes_table(),
      kernel_settings_table(),
      kernel_text_changes_table(),
      kernel_threads_table(),
      kprobes_table(),
      line_disciplines_table(),
      livepatches_table(),
      lsm_hooks_table(),
      memory_ranges_table(),
      module_parameters_table(),
      module_regions_table(),
      module_rodata_changes_table(),
      module_sections_table(),
      module_text_changes_table(),
      module_views_table(),
      modules_table(),
      mounts_table(),
      msrs_table(),
      netfilter_hooks_table(),
      network_protocols_table(),
      notifiers_table(),
      operation_functions_table(),
      packet_handlers_table(),
      page_mappings_table(),
      page_table_faults_table(),
      patch_sites_table(),
      proc_entries_table(),
      process_credentials_table(),
      process_files_table(),
      process_maps_table(),
      process_vdso_table(),
      process_views_table(),
      processes_table(),
      promiscuous_interfaces_table(),
      registers_table(),
      sequence_operations_table(),
      socket_operations_table(),
      socket_views_table(),
      sockets_table(),
      softirqs_table(),
      static_call_keys_table(),
      symbols_table(),
      syscalls_table(),
      sysctl_table(),
      sysctl_handlers_table(),
      sysrq_keys_table(),
      text_references_table(),
      threads_table(),
      timers_table(),
      tracepoints_table(),
      tss_table(),
      tty_drivers_table(),
      type_members_table(),
      types_table(),
      uprobes_table(),
      vcpus_table(),
      vdso_images_table(),
      vmalloc_areas_table(),
      work_items_table(),
  };
  // clang-format on
  return all;
}

const Table* find_table(std::string_view name) {
  const auto& all = tables();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Table& t) { return t.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::optional<std::size_t> Table::column(std::string_view column_name) const {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].name == column_name) return i;
  return std::nullopt;
}

bool TableRequest::wants(std::string_view column, std::int64_t value) const {
  const auto found = equal.find(column);
  if (found == equal.end()) return true;
  const auto* number = std::get_if<std::int64_t>(&found->second);
  return number == nullptr || *number == value;  // another type: SQLite decides by its own rules
}

bool TableRequest::wants(std::string_view column, std::string_view value) const {
  const auto found = equal.find(column);
  if (found == equal.end()) return true;
  const auto* text = std::get_if<std::string>(&found->second);
  return text == nullptr || *text == value;
}

bool started(const guest::x86::CpuState& cpu) {
  return (cpu.cr0 & guest::x86::cr0::kPe) != 0;
}

std::vector<const guest::x86::CpuState*> protected_cpus(guest::Snapshot& snapshot,
                                                        guest::RegisterGroups groups,
                                                        const TableRequest& request, RowSink& sink) {
  const auto& cpus = snapshot.cpus(groups | guest::RegisterGroups::control);
  const bool any = std::any_of(cpus.begin(), cpus.end(), started);
  if (!any)
    sink.incomplete(
        {Errc::unavailable, "no vCPU has left real mode: the guest has not booted an operating system"});
  std::vector<const guest::x86::CpuState*> chosen;
  for (const auto& cpu : cpus) {
    if (!request.wants("vcpu", std::int64_t{cpu.index})) continue;
    if (started(cpu)) {
      chosen.push_back(&cpu);
      continue;
    }
    snapshot.cpus(guest::RegisterGroups::general);  // notes that the answer depends on `halted`
    if (any && !cpu.halted) {
      sink.incomplete({Errc::unavailable, "vCPU " + std::to_string(cpu.index) + " runs in real mode"});
    }
  }
  return chosen;
}

}  // namespace ringside::policies
