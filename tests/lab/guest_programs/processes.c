// SPDX-License-Identifier: Apache-2.0
// Processes in the states, identities and shapes that /proc tells apart.
#define _GNU_SOURCE
#include "lab.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/// idle [UID GID]: also with two supplementary groups.
int role_idle(char** arguments) {
  set_name("lab-idle");
  if (arguments[0] && arguments[1]) {
    const gid_t gid = (gid_t)strtoul(arguments[1], NULL, 10);
    const uid_t uid = (uid_t)strtoul(arguments[0], NULL, 10);
    const gid_t groups[] = {gid, gid + 1};
    check(setgroups(2, groups), "setgroups");
    check(setresgid(gid, gid, gid), "setresgid");
    // Real, effective and saved differ.
    check(setresuid(uid, uid, uid + 1), "setresuid");
  }
  stay();
}

/// spin: never leaves user mode by itself.
int role_spin(char** arguments) {
  (void)arguments;
  set_name("lab-spin");
  ready();
  for (;;) __asm__ volatile("" ::: "memory");
}

static void* sleeping_thread(void* name) {
  pthread_setname_np(pthread_self(), name);
  sleep_for_ever();
}

/// threads COUNT: besides the first one.
int role_threads(char** arguments) {
  const long count = arguments[0] ? strtol(arguments[0], NULL, 10) : 4;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  for (long i = 0; i < count; ++i) {
    char* name;
    if (asprintf(&name, "worker/%ld", i) < 0) die("memory");
    pthread_t thread;
    if (pthread_create(&thread, &small, sleeping_thread, name)) die("pthread_create");
  }
  usleep(200000);
  set_name("lab-threads");
  stay();
}

/// names: a comm and a command line that need escaping, one argument empty.
int role_names(char** arguments) {
  (void)arguments;
  if (!getenv("LAB_NAMED")) {
    setenv("LAB_NAMED", "1", 1);
    execl("/bin/lab", "/bin/lab", "names", "", "two words", "tab\there", "quote\"s'", "gr\xc3\xbc\xc3\x9f",
          "bad\xff", NULL);
    die("/bin/lab");
  }
  set_name("a) (b\n\\c");
  stay();
}

int role_zombie(char** arguments) {
  (void)arguments;
  set_name("lab-zombie");
  const pid_t child = check(fork(), "fork");
  if (child == 0) _exit(7);
  siginfo_t info;
  check(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), "waitid");
  stay();
}

static pid_t stopped_child(int traced) {
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    close(kReadyDescriptor);
    if (traced) check((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL), "PTRACE_TRACEME");
    raise(SIGSTOP);
    _exit(0);
  }
  int status;
  check(waitpid(child, &status, WUNTRACED), "waitpid");
  return child;
}

int role_stopped(char** arguments) {
  (void)arguments;
  set_name("lab-stopped");
  stopped_child(0);
  stay();
}

int role_traced(char** arguments) {
  (void)arguments;
  set_name("lab-traced");
  stopped_child(1);
  stay();
}

static void copy_self(int to) {
  static char buffer[1 << 16];
  const int self = check(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "/proc/self/exe");
  for (;;) {
    const ssize_t size = read(self, buffer, sizeof buffer);
    if (size < 0) die("/proc/self/exe");
    if (size == 0) break;
    if (write(to, buffer, (size_t)size) != size) die("copy of the program");
  }
  close(self);
}

/// deleted: runs from a file that is gone.
int role_deleted(char** arguments) {
  const char* path = "/tmp/lab-deleted";
  if (arguments[0]) {
    check(unlink(path), path);
    set_name("lab-deleted");
    stay();
  }
  const int file = check(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755), path);
  copy_self(file);
  close(file);
  execl(path, path, "deleted", "again", NULL);
  die(path);
}

/// memfd: runs from memory that never was a file.
int role_memfd(char** arguments) {
  if (arguments[0]) {
    set_name("lab-memfd");
    stay();
  }
  const int file = check(memfd_create("lab memory", 0), "memfd_create");
  copy_self(file);
  char path[32];
  // Not fexecve(): that says ENOENT on 5.10 for i386.
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  execl(path, "lab", "memfd", "again", NULL);
  die(path);
}
