// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel.h"

#include "guest/linux/command_line.h"
#include "policies/tables/linux/support.h"

#include <array>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

/// Who loaded the kernel, by the number that boot loaders are given (Documentation/arch/x86/boot.rst,
/// type_of_loader; the variable bootloader_type holds number and version).
Value boot_loader(linux::Kernel& kernel) {
  constexpr std::array<std::string_view, 15> kNames = {"LILO",  "Loadlin", "bootsect", "Syslinux", "iPXE",
                                                       "ELILO", "",        "GRUB",     "U-Boot",   "Xen",
                                                       "Gujin", "QEMU",    "Arcturus", "kexec",    ""};
  const auto at = kernel.find_symbol("bootloader_type");
  if (!at) return null_cell();
  const auto type = kernel.read<std::uint32_t>(*at);
  if (!type) return null_cell();
  const std::uint32_t number = *type >> 4;
  return number < kNames.size() && !kNames[number].empty() ? cell(kNames[number])
                                                           : cell("loader " + std::to_string(number));
}

Value tainted(linux::Kernel& kernel) {
  const auto at = kernel.find_symbol("tainted_mask");
  if (!at) return null_cell();
  const auto mask = kernel.read_pointer(*at);
  return mask ? cell(mask->value) : null_cell();
}

Value host_name(linux::Kernel& kernel) {
  const auto at = kernel.find_symbol("init_uts_ns");
  const auto name = kernel.field("uts_namespace", "name.nodename");
  if (!at || !name) return null_cell();
  const auto text = kernel.read_string(*at + name->offset, name->size);
  return text ? cell(*text) : null_cell();
}

Value boot_arguments(linux::Kernel& kernel) {
  const auto line = linux::command_line(kernel);
  return line ? cell(*line) : null_cell();
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  const auto& identity = kernel->identity();
  // By position in `columns`: what is costly is read only if it is asked for.
  enum : std::size_t { host = 2, booted = 13, types = 15, arguments = 18 };
  Value is_booted = null_cell();
  if (request.uses(booted)) {
    const auto state = kernel->booted();
    if (state) is_booted = cell(*state);
  }
  sink.row({cell(identity.release), cell(identity.banner),
            request.uses(host) ? host_name(*kernel) : null_cell(),
            identity.build_id.empty() ? null_cell() : cell(identity.build_id), cell(identity.bits),
            cell(identity.image.first.value), cell(identity.image.end.value), cell(identity.text.first.value),
            cell(identity.text.end.value), cell(identity.image_gpa.value), cell(identity.slide),
            cell(identity.root.table.value), cell(identity.isolation), is_booted,
            cell(std::uint64_t{kernel->symbols().size()}),
            request.uses(types) ? cell(kernel->btf().has_value()) : null_cell(), boot_loader(*kernel),
            tainted(*kernel), request.uses(arguments) ? boot_arguments(*kernel) : null_cell()});
  return {};
}

}  // namespace

Table kernel_table() {
  return {.name = "kernel",
          .doc = "The Linux kernel found in the guest: one row.",
          .columns = {{"release", ColumnType::text, "as uname -r says"},
                      {"banner", ColumnType::text, "linux_banner: release, compiler, build"},
                      {"host_name", ColumnType::text,
                       "of the initial UTS namespace; NULL where its place is not known"},
                      {"build_id", ColumnType::text, "GNU build id, hexadecimal; NULL if it has none"},
                      {"bits", ColumnType::integer, "64 or 32"},
                      {"image", ColumnType::address, "_text, where the image starts", Stability::kept},
                      {"image_end", ColumnType::address, "_end, or _etext where the kernel does not tell",
                       Stability::kept},
                      {"text", ColumnType::address, "_stext, first address of its code", Stability::kept},
                      {"text_end", ColumnType::address, "_etext", Stability::kept},
                      {"image_gpa", ColumnType::address, "guest-physical address of _text", Stability::kept},
                      {"slide", ColumnType::address, "how far KASLR moved it from where it was linked to",
                       Stability::kept},
                      {"page_tables", ColumnType::address, "guest-physical address of its own page tables",
                       Stability::kept},
                      {"isolation", ColumnType::boolean,
                       "a vCPU was seen on the second root of page-table isolation", Stability::live},
                      {"booted", ColumnType::boolean, "system_state is RUNNING; NULL where that is not known",
                       Stability::kept},
                      {"symbols", ColumnType::integer, "in kallsyms"},
                      {"types", ColumnType::boolean, "it holds type information (BTF)"},
                      {"boot_loader", ColumnType::text,
                       "who loaded it: GRUB, QEMU, kexec, ...; NULL where that is not known"},
                      {"tainted", ColumnType::address, "tainted_mask; NULL where its place is not known"},
                      {"command_line", ColumnType::text,
                       "what it was booted with; NULL where its place is not known"}},
          .pushdown = {},
          .identity = {"release"},
          .example = "SELECT release, image, slide, build_id FROM kernel",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
