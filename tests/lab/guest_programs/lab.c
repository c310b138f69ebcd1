// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct Command {
  const char* name;
  int (*run)(char** arguments);
};

static const struct Command kCommands[] = {
    {"idle", role_idle},
    {"spin", role_spin},
    {"threads", role_threads},
    {"names", role_names},
    {"zombie", role_zombie},
    {"stopped", role_stopped},
    {"traced", role_traced},
    {"deleted", role_deleted},
    {"memfd", role_memfd},
    {"files", role_files},
    {"internet", role_internet},
    {"unix", role_unix},
    {"link", role_link},
    {"namespaces", role_namespaces},
    {"populate", command_populate},
    {"capture", command_capture},
    {"send", command_send},
    {"kexec", command_kexec},
    {"bpf", command_bpf},
    {"busy", command_busy},
    {"busy-is-root", command_busy_is_root},
    {"busy-offset", command_busy_offset},
};

void die(const char* what) {
  fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
  exit(1);
}

int check(int value, const char* what) {
  if (value < 0) die(what);
  return value;
}

void ready(void) {
  if (write(kReadyDescriptor, "+", 1) == 1) close(kReadyDescriptor);
}

void sleep_for_ever(void) {
  for (;;) pause();
}

void stay(void) {
  ready();
  sleep_for_ever();
}

void set_name(const char* name) {
  check(prctl(PR_SET_NAME, name), "PR_SET_NAME");
}

int main(int count, char** arguments) {
  for (size_t i = 0; count > 1 && i < sizeof kCommands / sizeof *kCommands; ++i)
    if (strcmp(arguments[1], kCommands[i].name) == 0) return kCommands[i].run(arguments + 2);
  fprintf(stderr, "usage: lab COMMAND [ARGUMENTS]\n");
  return 2;
}
