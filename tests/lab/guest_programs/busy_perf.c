// SPDX-License-Identifier: Apache-2.0
// Storms of perf: counters by software, tracepoints, breakpoints of the hardware on programs and on the
// kernel, probes.
#define _GNU_SOURCE
#include "busy.h"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_event(struct perf_event_attr* attributes, pid_t pid, int cpu) {
  attributes->size = sizeof *attributes;
  return (int)syscall(SYS_perf_event_open, attributes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static unsigned long number_in(const char* path) {
  unsigned long number = 0;
  FILE* file = fopen(path, "re");
  if (!file) return 0;
  if (fscanf(file, "%lu", &number) != 1) number = 0;
  fclose(file);
  return number;
}

static __attribute__((noinline)) void work(void) {
  for (int i = 0; i < 200; ++i) getppid();
  usleep(30000);
}

/// Where work() is in the file of this program; 0: unknown.
static unsigned long offset_of_work(void) {
  const unsigned long address = (uintptr_t)&work;
  FILE* file = fopen("/proc/self/maps", "re");
  if (!file) return 0;
  unsigned long first, end, offset, found = 0;
  while (!found && fscanf(file, "%lx-%lx %*s %lx%*[^\n]", &first, &end, &offset) == 3)
    if (address >= first && address < end) found = address - first + offset;
  fclose(file);
  return found;
}

int command_busy_offset(char** arguments) {
  (void)arguments;
  return printf("0x%lx\n", offset_of_work()) < 0;
}

static void perf_software_round(unsigned number) {
  for (unsigned config = 0; config < PERF_COUNT_SW_MAX; ++config) {
    struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .config = config};
    attributes.sample_period = config < 2 ? 1000000 : 100;
    attributes.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN;
    attributes.inherit = number % 2;
    const int fd = open_event(&attributes, number % 3 ? 0 : -1, number % 3 ? -1 : 0);
    if (fd < 0) continue;
    if (!attributes.inherit) mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
  }
  work();
}

static void perf_tracepoints_round(unsigned number) {
  static const char* const kEvents[] = {"sched/sched_switch", "sched/sched_process_fork",
                                        "irq/softirq_entry",  "syscalls/sys_enter_getppid",
                                        "kmem/kmalloc",       "module/module_load"};
  int works = 0;
  for (unsigned i = 0; i < 6; ++i) {
    char path[128];
    snprintf(path, sizeof path, "/sys/kernel/tracing/events/%s/id", kEvents[(i + number) % 6]);
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_TRACEPOINT, .config = number_in(path), .sample_period = 1};
    if (attributes.config == 0) continue;
    works += open_event(&attributes, -1, 0) >= 0;
  }
  if (works == 0) left_out("no tracepoint can be counted");
  work();
}

static unsigned long symbol(const char* name) {
  FILE* file = fopen("/proc/kallsyms", "re");
  if (!file) return 0;
  unsigned long address = 0, found = 0;
  char kind, symbol[256];
  while (!found && fscanf(file, "%lx %c %255s%*[^\n]", &address, &kind, symbol) == 3)
    if (strcmp(symbol, name) == 0) found = address;
  fclose(file);
  return found;
}

static void breakpoints_round(unsigned number) {
  static volatile long watched;
  static unsigned long kernel;
  if (kernel == 0) kernel = symbol("saved_command_line");
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_BREAKPOINT, .bp_type = HW_BREAKPOINT_W, .sample_period = 1};
  attributes.bp_len = sizeof(long);
  attributes.bp_addr = (uintptr_t)&watched;
  offered(open_event(&attributes, 0, -1), "breakpoints of the hardware");
  for (long i = 0; i < 20; ++i) watched = i;
  if (kernel != 0) {
    attributes.bp_addr = kernel;
    if (number % 2)
      open_event(&attributes, -1, 0);
    else
      open_event(&attributes, 0, -1);
  }
  usleep(100000);
}

/// Probes of functions of the kernel and of this program by perf's own devices.
static void perf_probes_round(unsigned number) {
  static const char* const kFunctions[] = {"do_sys_openat2", "vfs_read", "vfs_write", "schedule_timeout",
                                           "kfree_skb"};
  struct perf_event_attr attributes = {.sample_period = 1};
  attributes.type = (unsigned)number_in("/sys/bus/event_source/devices/kprobe/type");
  int works = 0;
  if (attributes.type != 0) {
    attributes.kprobe_func = (uintptr_t)kFunctions[number % 5];
    attributes.config = number % 2;  // at the return
    works += open_event(&attributes, -1, 0) >= 0;
  }
  attributes.type = (unsigned)number_in("/sys/bus/event_source/devices/uprobe/type");
  if (attributes.type != 0) {
    attributes.uprobe_path = (uintptr_t) "/bin/lab";
    attributes.probe_offset = offset_of_work();
    attributes.config = 0;
    works += open_event(&attributes, -1, 0) >= 0;
  }
  if (works == 0) left_out("perf has no probes");
  work();
}

const struct Storm kPerfStorms[] = {
    {"perf-software", perf_software_round, 100},
    {"perf-tracepoints", perf_tracepoints_round, 100},
    {"breakpoints", breakpoints_round, 200},
    {"perf-probes", perf_probes_round, 200},
    {NULL, NULL, 0},
};
