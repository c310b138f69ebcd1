// SPDX-License-Identifier: Apache-2.0
#ifndef RINGSIDE_TESTS_LAB_GUEST_PROGRAMS_BPF_H
#define RINGSIDE_TESTS_LAB_GUEST_PROGRAMS_BPF_H

#include <linux/bpf.h>

/// bpf(2).
int bpf(int command, union bpf_attr* attributes);
/// The id of a function in the kernel's types (Documentation/bpf/btf.rst); 0: it has none.
unsigned bpf_type_id(const char* function);

#endif
