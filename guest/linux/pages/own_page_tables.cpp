// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/own_page_tables.h"

namespace ringside::guest::linux {

Result<x86::PagingRoot> own_page_tables(Kernel& kernel) {
  x86::PagingRoot root = kernel.identity().root;
  if (kernel.identity().bits == 64) return root;
  RINGSIDE_TRY(const Gva table, kernel.symbol("swapper_pg_dir"));
  RINGSIDE_TRY(root.table, kernel.space().translate(table));
  return root;
}

}  // namespace ringside::guest::linux
