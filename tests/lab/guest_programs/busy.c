// SPDX-License-Identifier: Apache-2.0
// lab busy STORM [PAUSE]: rounds of a storm until /tmp/busy/stop is there; then its count is in
// /tmp/busy/STORM. What is none of this program's is one of scripts/lab/busy. So many rounds of all storms
// run at the same time, not more: else none of them would get far on two slow CPUs.
#define _GNU_SOURCE
#include "busy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kLeftOut = 77, kRoundSeconds = 600, kTries = 3, kSlots = 8 };

static const struct Storm* const kAll[] = {kTaskStorms, kMemoryStorms, kFilterStorms, kSocketStorms,
                                           kBpfStorms,  kPerfStorms,   kMachineStorms};

/// Where a round tells why the kernel does not offer it.
static int reason_out = -1;

void left_out(const char* why) {
  if (write(reason_out, why, strlen(why)) < 0) _exit(1);
  _exit(kLeftOut);
}

int offered(int value, const char* what) {
  if (value >= 0) return value;
  switch (errno) {
    case ENOSYS:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
    case ENOPROTOOPT:
    case ENOENT:
    case ENODEV:
    case EINVAL: {
      char why[200];
      snprintf(why, sizeof why, "%s: %s", what, strerror(errno));
      left_out(why);
    }
    default:
      die(what);
  }
}

static const struct Storm* storm(const char* name) {
  for (size_t i = 0; i < sizeof kAll / sizeof *kAll; ++i)
    for (const struct Storm* one = kAll[i]; one->name; ++one)
      if (strcmp(one->name, name) == 0) return one;
  return NULL;
}

static int all_names(void) {
  for (size_t i = 0; i < sizeof kAll / sizeof *kAll; ++i)
    for (const struct Storm* one = kAll[i]; one->name; ++one) puts(one->name);
  return 0;
}

/// A storm of the script, which tells on its standard output why a round is left out.
static void script_round(const char* name, unsigned number, int out) {
  char text[16];
  snprintf(text, sizeof text, "%u", number);
  dup2(out, STDOUT_FILENO);
  close(out);
  execl("/bin/busybox", "sh", "/bin/busy", "round", name, text, (char*)NULL);
  _exit(127);
}

/// Waits until nobody else has the file locked; a descriptor whose end gives it back.
static int locked(const char* path) {
  const int fd = check(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), path);
  while (flock(fd, LOCK_EX) != 0 && errno == EINTR) {
  }
  return fd;
}
static int slot(void) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/busy/slot-%d", (int)getpid() % kSlots);
  return locked(path);
}

/// Rounds of these storms are not run at the same time, since the kernel does not survive it:
/// Before 6.7 one of 32 bits calls load_ucode_ap without page tables when a CPU comes (arch/x86/kernel/
/// head_32.S): traced, that resets the machine. 5.10 writes into the entry of BPF's dispatcher of XDP, which
/// ftrace patches as well: who comes second finds another's code, and ftrace switches itself off.
static int takes_turns(const char* name) {
  struct utsname kernel;
  check(uname(&kernel), "uname");
  const int narrow = kernel.machine[0] == 'i', old = strncmp(kernel.release, "5.10.", 5) == 0;
  if (strcmp(name, "hotplug") == 0 || strcmp(name, "suspend") == 0) return narrow;
  if (strcmp(name, "bpf-network") == 0) return old;
  return (narrow || old) && (strcmp(name, "ftrace_function") == 0 || strcmp(name, "ftrace_graph") == 0);
}

/// The exit status of one round in a process of its own; `why` gets what left_out() said.
static int run_round(const struct Storm* storm, unsigned number, char* why, size_t size) {
  int pipes[2];
  check(pipe2(pipes, O_CLOEXEC), "pipe");
  const pid_t child = fork();
  if (child < 0) {
    close(pipes[0]);
    close(pipes[1]);
    return 1;
  }
  if (child == 0) {
    reason_out = pipes[1];
    close(pipes[0]);
    alarm(kRoundSeconds);
    if (!storm->round) script_round(storm->name, number, pipes[1]);
    storm->round(number);
    _exit(0);
  }
  close(pipes[1]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kLeftOut) {
    const ssize_t length = read(pipes[0], why, size - 1);
    why[length > 0 ? length : 0] = 0;
    why[strcspn(why, "\n")] = 0;
  }
  close(pipes[0]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int command_busy(char** arguments) {
  if (!arguments[0]) return all_names();
  const struct Storm of_script = {arguments[0], NULL,
                                  arguments[1] ? (unsigned)strtoul(arguments[1], NULL, 10) : 100};
  const struct Storm* chosen = storm(arguments[0]);
  if (!chosen) chosen = &of_script;
  signal(SIGPIPE, SIG_IGN);
  char why[256] = "", path[64];
  snprintf(path, sizeof path, "/tmp/busy/%s", chosen->name);
  unsigned rounds = 0, failed = 0, refused = 0;
  int last = 0;
  while (access("/tmp/busy/stop", F_OK) != 0 && refused < kTries) {
    usleep(chosen->pause * 1000);
    const int turn = takes_turns(chosen->name) ? locked("/tmp/busy/turn") : -1;
    const int held = slot();
    if (access("/tmp/busy/stop", F_OK) == 0) break;
    last = run_round(chosen, rounds + failed + refused, why, sizeof why);
    close(held);
    if (turn >= 0) close(turn);
    if (last == kLeftOut)
      ++refused;
    else if (last != 0)
      ++failed;
    else
      ++rounds;
  }
  FILE* out = fopen(path, "we");
  if (!out) die(path);
  if (rounds == 0 && refused > 0)
    fprintf(out, "left out: %s\n", why);
  else
    fprintf(out, "%u rounds, %u not wholly%s%s\n", rounds, failed + refused, *why ? "; " : "", why);
  fclose(out);
  return 0;
}
