// SPDX-License-Identifier: Apache-2.0
// lab bpf: loads harmless programs of BPF of several kinds, attaches them and stays. Each does nothing and
// returns. What a kernel cannot do is left out and said.
#define _GNU_SOURCE
#include "bpf.h"

#include "lab.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct bpf_insn kReturnZero[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
    {.code = BPF_JMP | BPF_EXIT},
};

// bpf_probe_write_user(0, stack, 0): writes nothing, and yet it is a program that could.
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

// A function of its own, which the program calls: two programs in memory.
static const struct bpf_insn kSubprogram[] = {
    {.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1},
    {.code = BPF_JMP | BPF_EXIT},
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
    {.code = BPF_JMP | BPF_EXIT},
};

int bpf(int command, union bpf_attr* attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

unsigned bpf_type_id(const char* function) {
  static unsigned bytes[4 << 20];
  FILE* file = fopen("/sys/kernel/btf/vmlinux", "re");
  if (!file) return 0;
  const size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  if (size < 24) return 0;
  const unsigned* type = bytes + (bytes[1] + bytes[2]) / 4;
  const unsigned* end = type + bytes[3] / 4;
  const char* names = (const char*)bytes + bytes[1] + bytes[4];
  // What follows struct btf_type: words once, and words for each of its vlen members.
  static const unsigned char kOnce[20] = {[1] = 1, [3] = 3, [14] = 1, [17] = 1};
  static const unsigned char kEach[20] = {[4] = 3, [5] = 3, [6] = 2, [13] = 2, [15] = 3, [19] = 3};
  const unsigned kFunction = 12;
  for (unsigned id = 1; type + 3 <= end; ++id) {
    const unsigned kind = type[1] >> 24 & 0x1f;
    if (kind >= sizeof kOnce) return 0;
    if (kind == kFunction && strcmp(names + type[0], function) == 0) return id;
    type += 3 + kOnce[kind] + kEach[kind] * (type[1] & 0xffff);
  }
  return 0;
}

/// `function`: of a tracing or LSM program what it is for; else NULL.
static int load_for(unsigned type, const char* name, const struct bpf_insn* instructions, size_t bytes,
                    unsigned attach_type, const char* function) {
  static char log[4096];
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = type;
  attributes.insns = (uintptr_t)instructions;
  attributes.insn_cnt = (unsigned)(bytes / sizeof *instructions);
  attributes.license = (uintptr_t) "GPL";
  attributes.log_buf = (uintptr_t)log;
  attributes.log_size = sizeof log;
  attributes.log_level = 1;
  strncpy(attributes.prog_name, name, sizeof attributes.prog_name - 1);
  attributes.expected_attach_type = attach_type;
  if (function) attributes.attach_btf_id = bpf_type_id(function);
  const int fd = bpf(BPF_PROG_LOAD, &attributes);
  if (fd < 0) fprintf(stderr, "lab: no program %s: %s %s\n", name, strerror(errno), log);
  return fd;
}

static int load(unsigned type, const char* name, const struct bpf_insn* instructions, size_t bytes) {
  return load_for(type, name, instructions, bytes, 0, NULL);
}

/// `tracepoint`: NULL for a program that was loaded for its function.
static void attach_to_tracepoint(int program, const char* tracepoint) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.raw_tracepoint.name = (uintptr_t)tracepoint;
  attributes.raw_tracepoint.prog_fd = (unsigned)program;
  if (program >= 0 && bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes) < 0)
    fprintf(stderr, "lab: tracepoint %s: %s\n", tracepoint ? tracepoint : "(none)", strerror(errno));
}

static void attach_to_socket(int program) {
  const int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  if (program >= 0)
    check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program), "SO_ATTACH_BPF");
}

static void attach_to_function(int program, const char* function) {
  unsigned type = 0;
  FILE* file = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
  if (!file || fscanf(file, "%u", &type) != 1) {
    fprintf(stderr, "lab: this kernel has no kprobes for perf\n");
    return;
  }
  fclose(file);
  struct perf_event_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.size = sizeof attributes;
  attributes.type = type;
  attributes.kprobe_func = (uintptr_t)function;
  const int event = (int)syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (event < 0 || program < 0 || ioctl(event, PERF_EVENT_IOC_SET_BPF, program) < 0 ||
      ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0)
    fprintf(stderr, "lab: kprobe on %s: %s\n", function, strerror(errno));
}

static void make_map(void) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_HASH;
  attributes.key_size = 4;
  attributes.value_size = 8;
  attributes.max_entries = 16;
  strncpy(attributes.map_name, "lab_map", sizeof attributes.map_name - 1);
  check(bpf(BPF_MAP_CREATE, &attributes), "BPF_MAP_CREATE");
}

/// With argument `quiet` without the program that could write to others' memory.
int command_bpf(char** arguments) {
  const int quiet = arguments[0] && strcmp(arguments[0], "quiet") == 0;
  make_map();
  attach_to_tracepoint(load(BPF_PROG_TYPE_RAW_TRACEPOINT, "lab_tracepoint", kReturnZero, sizeof kReturnZero),
                       "sched_switch");
  attach_to_socket(load(BPF_PROG_TYPE_SOCKET_FILTER, "lab_socket", kSubprogram, sizeof kSubprogram));
  attach_to_function(load(BPF_PROG_TYPE_KPROBE, "lab_kprobe", kReturnZero, sizeof kReturnZero),
                     "do_sys_openat2");
  attach_to_tracepoint(load_for(BPF_PROG_TYPE_TRACING, "lab_entry", kReturnZero, sizeof kReturnZero,
                                BPF_TRACE_FENTRY, "vfs_unlink"),
                       NULL);
  attach_to_tracepoint(load_for(BPF_PROG_TYPE_LSM, "lab_lsm", kReturnZero, sizeof kReturnZero, BPF_LSM_MAC,
                                "bpf_lsm_file_open"),
                       NULL);
  if (!quiet) load(BPF_PROG_TYPE_KPROBE, "lab_writer", kWriteUser, sizeof kWriteUser);
  puts("lab: programs of BPF are there");
  fflush(stdout);
  sleep_for_ever();
}
