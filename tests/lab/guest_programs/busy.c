// SPDX-License-Identifier: Apache-2.0
// lab busy STORM: rounds of a storm until /tmp/busy/stop is there; then its count is in /tmp/busy/STORM.
#define _GNU_SOURCE
#include "busy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kLeftOut = 77, kRoundSeconds = 120, kTries = 3 };

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

/// The exit status of one round in a process of its own; `why` gets what left_out() said.
static int run_round(const struct Storm* storm, unsigned number, char* why, size_t size) {
  int pipes[2];
  check(pipe(pipes), "pipe");
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
  }
  close(pipes[0]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int command_busy(char** arguments) {
  if (!arguments[0]) return all_names();
  const struct Storm* chosen = storm(arguments[0]);
  if (!chosen) {
    fprintf(stderr, "lab busy: no storm %s\n", arguments[0]);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  char why[256] = "", path[64];
  snprintf(path, sizeof path, "/tmp/busy/%s", chosen->name);
  unsigned rounds = 0, failed = 0, refused = 0;
  int last = 0;
  while (access("/tmp/busy/stop", F_OK) != 0 && refused < kTries) {
    last = run_round(chosen, rounds + failed + refused, why, sizeof why);
    if (last == kLeftOut)
      ++refused;
    else if (last != 0)
      ++failed;
    else
      ++rounds;
    usleep(chosen->pause * 1000);
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
