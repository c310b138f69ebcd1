// SPDX-License-Identifier: Apache-2.0
// Storms of processes: forks, programs, threads, identities, namespaces, tracing of each other.
#define _GNU_SOURCE
#include "busy.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

static void fork_round(unsigned number) {
  (void)number;
  pid_t children[24];
  for (int i = 0; i < 24; ++i) {
    children[i] = check(fork(), "fork");
    if (children[i] == 0) {
      if (i % 3 == 0) {
        const pid_t grandchild = fork();  // an orphan now and then
        if (grandchild == 0) usleep(2000);
      }
      if (i % 4 == 0) setsid();
      _exit(i);
    }
  }
  for (int i = 0; i < 24; ++i) reap(children[i]);
}

static void exec_round(unsigned number) {
  (void)number;
  for (volatile int i = 0; i < 8; ++i) {
    const pid_t child = check(i % 2 ? (int)vfork() : (int)fork(), "fork");
    if (child == 0) {
      execl("/bin/busybox", "busybox", "true", (char*)NULL);
      _exit(127);
    }
    reap(child);
  }
}

static void* thread_of_round(void* nothing) {
  prctl(PR_SET_NAME, "busy/thread");
  usleep(1000);
  return nothing;
}

/// Threads that begin and end, one of them by way of exec from a thread that is not the first.
static void* thread_that_execs(void* nothing) {
  execl("/bin/busybox", "busybox", "true", (char*)NULL);
  return nothing;
}

static void threads_round(unsigned number) {
  pthread_t threads[16];
  for (int i = 0; i < 16; ++i)
    if (pthread_create(&threads[i], NULL, thread_of_round, NULL)) die("pthread_create");
  for (int i = 0; i < 16; ++i) pthread_join(threads[i], NULL);
  if (number % 4 != 0) return;
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_that_execs, NULL)) _exit(1);
    pause();
    _exit(1);
  }
  reap(child);
}

/// A program of user 0 with the setuid bit, started by somebody else.
static void setuid_round(unsigned number) {
  static const char kProgram[] = "/tmp/busy/setuid";
  struct stat status;
  if (stat(kProgram, &status) != 0 || !(status.st_mode & S_ISUID)) die(kProgram);
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    const uid_t user = 1000 + number % 7;
    if (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user)) _exit(1);
    execl(kProgram, "lab", "busy-is-root", (char*)NULL);
    _exit(127);
  }
  int status_of_child;
  while (waitpid(child, &status_of_child, 0) < 0 && errno == EINTR) {
  }
  if (status_of_child != 0) die("setuid program");
}

int command_busy_is_root(char** arguments) {
  (void)arguments;
  return geteuid() == 0 && getuid() != 0 ? 0 : 1;
}

static void drop_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  check((int)syscall(SYS_capget, &header, data), "capget");
  data[0].effective &= ~(1u << CAP_SYS_TIME);
  data[0].inheritable = data[0].permitted;
  check((int)syscall(SYS_capset, &header, data), "capset");
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
  prctl(PR_CAPBSET_DROP, CAP_SYS_PACCT);
}

/// Credentials: changed, given back, those of the parent by a key, and those of access(2), which acts as
/// another.
static void credentials_round(unsigned number) {
  drop_capabilities();
  for (int i = 0; i < 20; ++i) {
    const uid_t user = 2000 + (number + (unsigned)i) % 5;
    check(setresuid(user, user, 0), "setresuid");
    check(access("/bin/busybox", R_OK), "access");
    check(setresuid(0, 0, 0), "setresuid");
    check(setresgid((gid_t)user, (gid_t)user, 0), "setresgid");
  }
  const long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
  if (ring < 0) return;
  const long key = syscall(SYS_add_key, "user", "busy", "payload", 7L, KEY_SPEC_SESSION_KEYRING);
  if (key >= 0) syscall(SYS_keyctl, KEYCTL_REVOKE, key);
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    syscall(SYS_keyctl, KEYCTL_SESSION_TO_PARENT);
    _exit(0);
  }
  reap(child);
}

static void container(int user) {
  check(unshare(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWCGROUP |
                user),
        "unshare");
  check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private /");
  const pid_t child = check(fork(), "fork");
  if (child != 0) {
    reap(child);
    return;
  }
  check(mount("root", "/mnt/container", "tmpfs", 0, "size=2m"), "tmpfs");
  check(chdir("/mnt/container"), "chdir");
  check(mkdir("bin", 0755) | mkdir("dev", 0755) | mkdir("proc", 0755) | mkdir("old", 0755), "mkdir");
  check(mount("/bin", "bin", NULL, MS_BIND, NULL), "bind");
  check(mount("/dev", "dev", NULL, MS_BIND, NULL), "bind");
  check(mount("proc", "proc", "proc", 0, NULL), "proc");
  // The initial ramfs cannot be pivoted away from; what has a parent can.
  if (syscall(SYS_pivot_root, ".", "old") != 0) check(chroot("."), "chroot");
  sethostname("busy", 4);
  execl("/bin/busybox", "sh", "-c", "ls -l /proc/self/ns >/dev/null; ip link set lo up; true & wait",
        (char*)NULL);
  _exit(127);
}

static void containers_round(unsigned number) {
  mkdir("/mnt/container", 0755);
  container(number % 3 == 2 ? CLONE_NEWUSER : 0);
}

/// Goes into the namespaces of another process and back.
static void setns_round(unsigned number) {
  (void)number;
  int pipes[2];
  check(pipe(pipes), "pipe");
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    close(pipes[0]);
    if (unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) != 0) _exit(1);
    if (write(pipes[1], "+", 1) != 1) _exit(1);
    pause();
  }
  char byte;
  if (read(pipes[0], &byte, 1) != 1) die("namespaces");
  static const char* const kKinds[] = {"net", "uts", "ipc"};
  for (int i = 0; i < 3; ++i) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", child, kKinds[i]);
    const int there = check(open(path, O_RDONLY | O_CLOEXEC), path);
    snprintf(path, sizeof path, "/proc/self/ns/%s", kKinds[i]);
    const int here = check(open(path, O_RDONLY | O_CLOEXEC), path);
    check(setns(there, 0), "setns");
    check(setns(here, 0), "setns");
  }
  kill(child, SIGKILL);
  reap(child);
}

static void traced_round(unsigned number) {
  (void)number;
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    for (int i = 0; i < 10; ++i) getppid();
    _exit(0);
  }
  int status;
  check(waitpid(child, &status, 0), "waitpid");
  for (int i = 0; i < 40 && WIFSTOPPED(status); ++i) {
    if (ptrace(i % 2 ? PTRACE_SYSCALL : PTRACE_SINGLESTEP, child, NULL, NULL) != 0) break;
    if (waitpid(child, &status, 0) < 0) return;
  }
  kill(child, SIGKILL);
  reap(child);
}

/// Filters of seccomp are programs of classic BPF, compiled like any other. Of those of users that are not
/// root constants are hidden (net.core.bpf_jit_harden is 1): a copy of the program takes its place.
static void seccomp_round(unsigned number) {
  struct sock_filter allow[16];
  for (int i = 0; i < 15; ++i) allow[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
  allow[15] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {16, allow};
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
  if (number % 2) check(setuid(65534), "setuid");
  for (int i = 0; i < 4; ++i)
    offered(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "seccomp filters");
  for (int i = 0; i < 100; ++i) getppid();
}

/// Processes that end by a signal, with a core dump to a file; zombies; stopped ones.
static void signals_round(unsigned number) {
  static const int kSignals[] = {SIGSEGV, SIGABRT, SIGKILL, SIGTERM, SIGSTOP};
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    raise(kSignals[number % 5]);
    pause();
  }
  siginfo_t info;
  check(waitid(P_PID, (id_t)child, &info, WEXITED | WSTOPPED | WNOWAIT), "waitid");
  usleep(20000);
  kill(child, SIGCONT);
  kill(child, SIGKILL);
  reap(child);
}

static void scheduling_round(unsigned number) {
  struct sched_param parameters = {.sched_priority = 1 + (int)(number % 50)};
  static const int kPolicies[] = {SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_OTHER};
  for (int i = 0; i < 5; ++i) {
    if (i >= 2) parameters.sched_priority = 0;
    sched_setscheduler(0, kPolicies[i], &parameters);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)i % 2, &set);
    sched_setaffinity(0, sizeof set, &set);  // the CPU may be unplugged
    sched_yield();
  }
}

const struct Storm kTaskStorms[] = {
    {"fork", fork_round, 30},
    {"exec", exec_round, 30},
    {"threads", threads_round, 30},
    {"setuid", setuid_round, 50},
    {"credentials", credentials_round, 50},
    {"containers", containers_round, 200},
    {"setns", setns_round, 100},
    {"traced", traced_round, 50},
    {"seccomp", seccomp_round, 50},
    {"signals", signals_round, 50},
    {"scheduling", scheduling_round, 50},
    {NULL, NULL, 0},
};
