// SPDX-License-Identifier: Apache-2.0
// lab populate COUNT: starts one process of every kind and idle ones, COUNT in all that it starts itself, and
// ends when all of them stand.
#define _GNU_SOURCE
#include "lab.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char* const kRoles[][3] = {
    {"idle"},
    {"idle", "1000", "1000"},
    {"idle", "33", "33"},
    {"idle", "65534", "65534"},
    {"threads", "5"},
    {"threads", "12"},
    {"names"},
    {"zombie"},
    {"stopped"},
    {"traced"},
    {"deleted"},
    {"memfd"},
    {"files"},
    {"internet"},
    {"unix"},
    {"link"},
    {"namespaces"},
    {"namespaces", "user"},
};
enum { kRoleCount = sizeof kRoles / sizeof *kRoles };

static void start(const char* const* role) {
  const pid_t child = check(fork(), "fork");
  if (child != 0) return;
  setsid();
  const int null = check(open("/dev/null", O_RDWR), "/dev/null");
  dup2(null, 0);
  dup2(null, 1);
  if (null > 2) close(null);
  execl("/bin/lab", "/bin/lab", role[0], role[1], role[1] ? role[2] : NULL, NULL);
  die("/bin/lab");
}

int command_populate(char** arguments) {
  const long wanted = arguments[0] ? strtol(arguments[0], NULL, 10) : kRoleCount;
  int ends[2];
  check(pipe(ends), "pipe");
  check(dup2(ends[1], kReadyDescriptor), "dup2");
  close(ends[1]);
  check(fcntl(ends[0], F_SETFD, FD_CLOEXEC), "FD_CLOEXEC");
  long started = 0;
  for (; started < wanted; ++started) {
    static const char* const kIdle[3] = {"idle"};
    start(started < kRoleCount ? kRoles[started] : kIdle);
  }
  close(kReadyDescriptor);
  // A role that fails closes its end without a byte: then the pipe ends early.
  long standing = 0;
  char byte;
  while (standing < wanted && read(ends[0], &byte, 1) == 1) ++standing;
  printf("%ld of %ld\n", standing, wanted);
  return standing == wanted ? 0 : 1;
}
