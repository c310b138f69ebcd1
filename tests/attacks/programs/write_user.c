// SPDX-License-Identifier: Apache-2.0
// write_user [harmless]    harmless: the program only returns, and there is a map too
// Technique: a BPF program on a tracepoint that can rewrite the memory of programs (bpf_probe_write_user).
// Who: bad-bpf, ebpfkit, TripleCross. Changes: attaches such a program to sched_process_fork; it writes
// nothing (its address is 0). Undone when it is killed.
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct bpf_insn kWriteUser[] = {
    {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8},
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1},
    {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_10},
    {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -8},
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 8},
    {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_write_user},
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
    {.code = BPF_JMP | BPF_EXIT},
};

static const struct bpf_insn kNothing[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
    {.code = BPF_JMP | BPF_EXIT},
};

static int bpf(int command, union bpf_attr* attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

int main(int count, char** arguments) {
  (void)arguments;
  const int harmless = count > 1;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
  attributes.insns = (uintptr_t)(harmless ? kNothing : kWriteUser);
  attributes.insn_cnt = (harmless ? sizeof kNothing : sizeof kWriteUser) / sizeof *kWriteUser;
  attributes.license = (uintptr_t) "GPL";
  strcpy(attributes.prog_name, harmless ? "harmless" : "attack_write");
  const int program = bpf(BPF_PROG_LOAD, &attributes);
  if (program < 0) return perror("BPF_PROG_LOAD"), 1;
  if (harmless) {
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = attributes.value_size = 4;
    attributes.max_entries = 1;
    strcpy(attributes.map_name, "harmless");
    if (bpf(BPF_MAP_CREATE, &attributes) < 0) return perror("BPF_MAP_CREATE"), 1;
  }
  memset(&attributes, 0, sizeof attributes);
  attributes.raw_tracepoint.name = (uintptr_t) "sched_process_fork";
  attributes.raw_tracepoint.prog_fd = (unsigned)program;
  if (bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes) < 0) return perror("BPF_RAW_TRACEPOINT_OPEN"), 1;
  printf("attached\n");
  fflush(stdout);
  for (;;) pause();
}
