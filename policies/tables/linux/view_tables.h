// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/tables/linux/support.h"
#include "policies/tables/table.h"

#include <cstdint>
#include <optional>

// Tables that hold different views of the same objects against each other: what one of them lacks is hidden.
namespace ringside::policies {

Table module_views_table();
Table process_credentials_table();
Table process_views_table();
Table promiscuous_interfaces_table();
Table socket_views_table();
Table process_vdso_table();
Table vdso_images_table();

/// Cells of these tables: NULL where it is not known.
inline Value truth_cell(std::optional<bool> truth) {
  return truth ? Value(std::int64_t{*truth}) : null_cell();
}
inline Value number_cell(std::optional<std::int64_t> number) {
  return number ? Value(*number) : null_cell();
}
inline Value gva_cell(std::optional<guest::Gva> gva) {
  return gva && *gva != guest::Gva{0} ? cell(gva->value) : null_cell();
}

}  // namespace ringside::policies
