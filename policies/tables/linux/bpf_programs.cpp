// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_programs.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

#include <algorithm>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t {
  kProgram,
  kId,
  kType,
  kName,
  kTag,
  kState,
  kListed,
  kAllocated,
  kUid,
  kLoadTime,
  kInstructions,
  kJitedSize,
  kAttachFunction,
  kWritesUser,
  kOverridesReturn,
  kHelpers,
  kFunction,
  kNames
};

class Rows {
 public:
  Rows(guest::Snapshot& snapshot, linux::Kernel& kernel, const TableRequest& request, RowSink& sink)
      : kernel_(kernel),
        helpers_(request.uses(kHelpers)),
        sink_(sink),
        names_(snapshot, request, kNames, sink),
        write_user_(kernel.find_symbol("bpf_probe_write_user")),
        override_return_(kernel.find_symbol("bpf_override_return")) {}

  bool add(const linux::BpfProgram& one) {
    return add_named(
        sink_, names_,
        {cell(one.address.value), one.id ? cell(*one.id) : null_cell(), cell(one.type), text_cell(one.name),
         one.tag ? cell(hex(*one.tag)) : null_cell(), cell(linux::to_string(one.state)),
         boolean_cell(one.listed), boolean_cell(one.allocated), cell_or_null(one.uid),
         cell_or_null(one.load_time), cell_or_null(one.instructions), cell_or_null(one.jited_size),
         text_cell(one.attach_function), calls(one, write_user_), calls(one, override_return_), helpers(one)},
        one.function);
  }

 private:
  /// A kernel without the helper cannot have a program that calls it.
  Value calls(const linux::BpfProgram& one, const std::optional<guest::Gva>& helper) const {
    if (!one.helpers) return null_cell();
    return boolean_cell(helper && std::binary_search(one.helpers->begin(), one.helpers->end(), *helper));
  }
  Value helpers(const linux::BpfProgram& one) {
    if (!helpers_ || !one.helpers) return null_cell();
    std::string text;
    for (const auto helper : *one.helpers) {
      if (!text.empty()) text += ", ";
      text += linux::Symboliser::of(kernel_).symbol(helper).value_or(to_string(helper));
      if (text.size() > kMaxText) break;
    }
    return cell(std::move(text));
  }
  static std::string hex(ByteView bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
      text += kDigits[static_cast<unsigned>(byte) >> 4];
      text += kDigits[static_cast<unsigned>(byte) & 15];
    }
    return text;
  }

  static constexpr std::size_t kMaxText = 4096;
  linux::Kernel& kernel_;
  bool helpers_;
  RowSink& sink_;
  AddressNames names_;
  std::optional<guest::Gva> write_user_, override_return_;
};

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  const bool helpers = request.uses(kWritesUser) || request.uses(kOverridesReturn) || request.uses(kHelpers);
  RINGSIDE_TRY(const auto all, linux::bpf_programs(*kernel, helpers));
  report_problems(all, sink);
  Rows rows(snapshot, *kernel, request, sink);
  for (const auto& one : all.entries)
    if (!rows.add(one)) break;
  return {};
}

}  // namespace

Table bpf_programs_table() {
  return {
      .name = "bpf_programs",
      .doc = "Linux: programs of BPF, those that the kernel lists and those that only their memory tells of.",
      .columns = with_address_names(
          {{"program", ColumnType::address, "the struct bpf_prog", Stability::kept},
           {"id", ColumnType::integer, "as bpftool prog shows it; 0: it has none"},
           {"type", ColumnType::text, "kprobe, raw_tracepoint, xdp, ...; unspec for classic BPF"},
           {"name", ColumnType::text, "that its loader gave it"},
           {"tag", ColumnType::bytes, "hash of its instructions, as bpftool prog shows it"},
           {"state", ColumnType::text,
            "listed; classic (a filter of a socket or of seccomp: the kernel lists none of those); "
            "subprogram "
            "(of a listed one); loading, freed; hidden: in use, and listed nowhere"},
           {"listed", ColumnType::boolean, "it stands in prog_idr"},
           {"allocated", ColumnType::boolean, "it stands in memory that was allocated for a program"},
           {"uid", ColumnType::integer, "of the user who loaded it", Stability::kept},
           {"load_time", ColumnType::integer, "nanoseconds since boot", Stability::kept},
           {"instructions", ColumnType::integer, "of BPF, as the verifier left them", Stability::kept},
           {"jited_size", ColumnType::integer, "bytes of machine code", Stability::kept},
           {"attach_function", ColumnType::text,
            "of a tracing or LSM program: the function that it is made for"},
           {"writes_user", ColumnType::boolean,
            "it calls bpf_probe_write_user: it changes memory of programs"},
           {"overrides_return", ColumnType::boolean,
            "it calls bpf_override_return: it keeps functions of the kernel from running"},
           {"helpers", ColumnType::text, "functions of the kernel that it calls", Stability::kept},
           {"function", ColumnType::address, "what is entered to run it", Stability::kept}}),
      .pushdown = {},
      .identity = {"program"},
      .example = "SELECT id, type, name, tag, uid FROM bpf_programs WHERE listed",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
