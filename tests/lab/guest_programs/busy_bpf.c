// SPDX-License-Identifier: Apache-2.0
// Storms of BPF: programs of many types that are loaded, attached, run, and gone.
#define _GNU_SOURCE
#include "bpf.h"
#include "busy.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// <net/if.h> and <linux/if.h> cannot be had both.
unsigned if_nametoindex(const char* name);

enum { kMost = 64 };
static const struct bpf_insn kEnd = {.code = BPF_JMP | BPF_EXIT};

/// `length` instructions that return `value`, so that images of many sizes come and go.
static unsigned program(struct bpf_insn* into, int value, unsigned length) {
  for (unsigned i = 0; i + 1 < length; ++i)
    into[i] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value};
  into[length - 1] = kEnd;
  return length;
}

static int load(unsigned type, unsigned attach_type, int value, unsigned length, unsigned type_id) {
  struct bpf_insn instructions[kMost];
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = type;
  attributes.insns = (uintptr_t)instructions;
  attributes.insn_cnt = program(instructions, value, length);
  attributes.license = (uintptr_t) "GPL";
  strcpy(attributes.prog_name, "busy");
  attributes.expected_attach_type = attach_type;
  attributes.attach_btf_id = type_id;
  return bpf(BPF_PROG_LOAD, &attributes);
}

static int map(unsigned type, unsigned key, unsigned value, unsigned entries) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = type;
  attributes.key_size = key;
  attributes.value_size = value;
  attributes.max_entries = entries;
  strcpy(attributes.map_name, "busy");
  return bpf(BPF_MAP_CREATE, &attributes);
}

static int link_to(int program, unsigned target, unsigned attach_type) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = (unsigned)program;
  attributes.link_create.target_fd = target;
  attributes.link_create.attach_type = attach_type;
  return bpf(BPF_LINK_CREATE, &attributes);
}

static int raw_tracepoint(int program, const char* name) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.raw_tracepoint.name = (uintptr_t)name;
  attributes.raw_tracepoint.prog_fd = (unsigned)program;
  return bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes);
}

static unsigned length_of(unsigned number) {
  return 2 + number * 7 % (kMost - 2);
}

static void bpf_sockets_round(unsigned number) {
  const int filter =
      offered(load(BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, length_of(number), 0), "programs for sockets");
  for (int i = 0; i < 4; ++i) {
    const int fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof filter), "SO_ATTACH_BPF");
  }
  // Sockets in a map, and a verdict for what they get: it replaces the operations of their protocol.
  const int sockets = map(BPF_MAP_TYPE_SOCKMAP, 4, 4, 8);
  const int verdict = load(BPF_PROG_TYPE_SK_SKB, 0, 1, length_of(number + 1), 0);
  if (sockets >= 0 && verdict >= 0) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (unsigned)sockets;
    attributes.attach_bpf_fd = (unsigned)verdict;
    attributes.attach_type = BPF_SK_SKB_STREAM_VERDICT;
    bpf(BPF_PROG_ATTACH, &attributes);
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), "socketpair");
    const unsigned key = 0;
    const int udp = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    for (int i = 0; i < 2; ++i) {
      memset(&attributes, 0, sizeof attributes);
      attributes.map_fd = (unsigned)sockets;
      attributes.key = (uintptr_t)&key;
      attributes.value = (uintptr_t)(i ? &udp : &pair[0]);
      bpf(BPF_MAP_UPDATE_ELEM, &attributes);
    }
  }
  load(BPF_PROG_TYPE_SK_REUSEPORT, 0, 1, length_of(number + 2), 0);
  load(BPF_PROG_TYPE_SK_MSG, 0, 1, length_of(number + 3), 0);
  usleep(50000);
}

static void bpf_cgroups_round(unsigned number) {
  static const struct {
    unsigned type, attach;
  } kTypes[] = {
      {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS},
      {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS},
      {BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE},
      {BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE},
      {BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL},
      {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT},
      {BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS},
      {BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT},
  };
  char path[64];
  snprintf(path, sizeof path, "/mnt/cgroup/busy-bpf");
  mkdir(path, 0755);
  const int group = offered(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path);
  int works = 0;
  for (unsigned i = 0; i < sizeof kTypes / sizeof *kTypes; ++i) {
    const int fd = load(kTypes[i].type, kTypes[i].attach, 1, length_of(number + i), 0);
    if (fd < 0) continue;
    if (i % 2) {
      works += link_to(fd, (unsigned)group, kTypes[i].attach) >= 0;
      continue;
    }
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (unsigned)group;
    attributes.attach_bpf_fd = (unsigned)fd;
    attributes.attach_type = kTypes[i].attach;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    if (bpf(BPF_PROG_ATTACH, &attributes) != 0) continue;
    ++works;
    usleep(10000);
    bpf(BPF_PROG_DETACH, &attributes);
  }
  if (works == 0) left_out("no program for control groups");
}

/// By way of perf: kprobes, tracepoints, a clock.
static void bpf_perf_round(unsigned number) {
  static const struct {
    const char *device, *tracepoint;
    unsigned type;
  } kEvents[] = {
      {"kprobe", NULL, BPF_PROG_TYPE_KPROBE},
      {NULL, "sched/sched_switch", BPF_PROG_TYPE_TRACEPOINT},
      {NULL, "syscalls/sys_enter_openat", BPF_PROG_TYPE_TRACEPOINT},
      {NULL, NULL, BPF_PROG_TYPE_PERF_EVENT},
  };
  int works = 0;
  for (unsigned i = 0; i < 4; ++i) {
    char path[128];
    struct perf_event_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.sample_period = 1000000;
    attributes.type = PERF_TYPE_SOFTWARE;
    unsigned long id = 0;
    if (kEvents[i].device || kEvents[i].tracepoint) {
      if (kEvents[i].device)
        snprintf(path, sizeof path, "/sys/bus/event_source/devices/%s/type", kEvents[i].device);
      else
        snprintf(path, sizeof path, "/sys/kernel/tracing/events/%s/id", kEvents[i].tracepoint);
      FILE* file = fopen(path, "re");
      if (!file) continue;
      if (fscanf(file, "%lu", &id) != 1) id = 0;
      fclose(file);
      attributes.sample_period = 1;
      attributes.type = kEvents[i].device ? (unsigned)id : PERF_TYPE_TRACEPOINT;
      attributes.config = kEvents[i].device ? number % 2 : id;
      if (kEvents[i].device) attributes.kprobe_func = (uintptr_t)(number % 3 ? "do_sys_openat2" : "vfs_read");
    }
    const int event = (int)syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    const int program = load(kEvents[i].type, 0, 0, length_of(number + i), 0);
    if (event < 0 || program < 0 || ioctl(event, PERF_EVENT_IOC_SET_BPF, program) != 0) continue;
    ioctl(event, PERF_EVENT_IOC_ENABLE, 0);
    ++works;
  }
  if (works == 0) left_out("no program for events of perf");
  usleep(50000);
}

static void bpf_tracepoints_round(unsigned number) {
  static const char* const kNames[] = {"sched_switch",       "sys_enter", "sys_exit",
                                       "sched_process_exec", "kmalloc",   "kfree"};
  int works = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const int fd = load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, length_of(number + i), 0);
    works += fd >= 0 && raw_tracepoint(fd, kNames[(number + i) % 6]) >= 0;
  }
  if (works == 0) left_out("no program for tracepoints");
  usleep(50000);
}

/// Trampolines (kernel/bpf/trampoline.c): at the entry and the exit of functions, hooks of security,
/// iterators.
static void bpf_trampolines_round(unsigned number) {
  static const char* const kFunctions[] = {"vfs_unlink", "bpf_lsm_file_open", "bpf_iter_task"};
  unsigned ids[3];
  for (int i = 0; i < 3; ++i) ids[i] = bpf_type_id(kFunctions[i]);
  if (ids[0] == 0) left_out("the kernel has no types for trampolines");
  int works = 0;
  for (unsigned i = 0; i < 3; ++i) {
    const int fd = load(BPF_PROG_TYPE_TRACING, i % 2 ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY, 0,
                        length_of(number + i), ids[0]);
    works += fd >= 0 && raw_tracepoint(fd, NULL) >= 0;
  }
  const int security = ids[1] ? load(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, 0, length_of(number), ids[1]) : -1;
  works += security >= 0 && raw_tracepoint(security, NULL) >= 0;
  const int iterator =
      ids[2] ? load(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, length_of(number), ids[2]) : -1;
  if (iterator >= 0) link_to(iterator, 0, BPF_TRACE_ITER);
  for (int i = 0; i < 20; ++i) unlink("/tmp/busy/nothing");
  usleep(50000);
  if (works == 0) left_out("the kernel lets no program of BPF into functions");
}

static void bpf_network_round(unsigned number) {
  const unsigned loopback = if_nametoindex("lo");
  int works = 0;
  const int xdp = load(BPF_PROG_TYPE_XDP, BPF_XDP, 2 /* XDP_PASS */, length_of(number), 0);
  works += xdp >= 0 && link_to(xdp, loopback, BPF_XDP) >= 0;
  const int classifier = load(BPF_PROG_TYPE_SCHED_CLS, 0, 0, length_of(number + 1), 0);
  if (classifier >= 0) {
    ++works;
    const unsigned kTcxIngress = 46;  // BPF_TCX_INGRESS, since 6.6
    link_to(classifier, loopback, kTcxIngress);
    // Run by hand, and by a table of programs that call each other.
    const int table = map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4);
    const unsigned key = number % 4;
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (unsigned)table;
    attributes.key = (uintptr_t)&key;
    attributes.value = (uintptr_t)&classifier;
    bpf(BPF_MAP_UPDATE_ELEM, &attributes);
    static char packet[128];
    memset(&attributes, 0, sizeof attributes);
    attributes.test.prog_fd = (unsigned)classifier;
    attributes.test.data_in = (uintptr_t)packet;
    attributes.test.data_size_in = sizeof packet;
    attributes.test.repeat = 100;
    bpf(BPF_PROG_TEST_RUN, &attributes);
  }
  // In a network namespace of its own: each may have one dissector.
  const int dissector = load(BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR, 0, length_of(number + 2), 0);
  if (dissector >= 0 && unshare(CLONE_NEWNET) == 0) {
    const int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    works += link_to(dissector, (unsigned)netns, BPF_FLOW_DISSECTOR) >= 0;
  }
  usleep(50000);
  if (works == 0) left_out("no program for the network");
}

static void bpf_maps_round(unsigned number) {
  static const struct {
    unsigned type, key, value, entries;
  } kMaps[] = {
      {BPF_MAP_TYPE_HASH, 4, 8, 64},         {BPF_MAP_TYPE_ARRAY, 4, 256, 64},
      {BPF_MAP_TYPE_PERCPU_HASH, 8, 8, 16},  {BPF_MAP_TYPE_LRU_HASH, 4, 4, 128},
      {BPF_MAP_TYPE_RINGBUF, 0, 0, 4096},    {BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 4},
      {BPF_MAP_TYPE_STACK_TRACE, 4, 64, 16}, {BPF_MAP_TYPE_QUEUE, 0, 4, 16},
      {BPF_MAP_TYPE_LPM_TRIE, 8, 4, 16},     {BPF_MAP_TYPE_SOCKHASH, 4, 4, 16},
      {BPF_MAP_TYPE_CPUMAP, 4, 4, 2},        {BPF_MAP_TYPE_DEVMAP, 4, 4, 4},
  };
  int works = 0;
  for (unsigned i = 0; i < sizeof kMaps / sizeof *kMaps; ++i)
    works += map(kMaps[i].type, kMaps[i].key, kMaps[i].value, kMaps[i].entries) >= 0;
  if (works == 0) left_out("no map of BPF");
  usleep(1000 * (number % 50));
}

const struct Storm kBpfStorms[] = {
    {"bpf-sockets", bpf_sockets_round, 100},
    {"bpf-cgroups", bpf_cgroups_round, 100},
    {"bpf-perf", bpf_perf_round, 200},
    {"bpf-tracepoints", bpf_tracepoints_round, 200},
    {"bpf-trampolines", bpf_trampolines_round, 500},
    {"bpf-network", bpf_network_round, 200},
    {"bpf-maps", bpf_maps_round, 100},
    {NULL, NULL, 0},
};
