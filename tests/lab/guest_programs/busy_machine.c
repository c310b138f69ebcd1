// SPDX-License-Identifier: Apache-2.0
// Storms of what belongs to the machine: the clock, timers, terminals, watchers of files, io_uring.
#define _GNU_SOURCE
#include "busy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/// The clock jumps, back and forth, and is slewed; leap seconds are announced and called off.
static void clock_round(unsigned number) {
  struct timespec now;
  check(clock_gettime(CLOCK_REALTIME, &now), "clock_gettime");
  static const long kJumps[] = {3600, -3600, 86400, -86400, 1, -1};
  now.tv_sec += kJumps[number % 6];
  check(clock_settime(CLOCK_REALTIME, &now), "clock_settime");
  struct timex timex = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = 500000};
  adjtimex(&timex);
  timex = (struct timex){
      .modes = ADJ_FREQUENCY | ADJ_STATUS, .freq = (long)(number % 100) << 16, .status = STA_PLL};
  if (number % 4 == 0) timex.status |= STA_INS;
  adjtimex(&timex);
}

static void timers_round(unsigned number) {
  struct sigevent quiet = {.sigev_notify = SIGEV_NONE};
  for (int i = 0; i < 16; ++i) {
    timer_t timer;
    if (timer_create(i % 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &quiet, &timer) != 0) continue;
    const struct itimerspec soon = {.it_value = {.tv_nsec = 1000000 * (i + 1)},
                                    .it_interval = {.tv_nsec = 5000000}};
    timer_settime(timer, 0, &soon, NULL);
    const int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    timerfd_settime(fd, i % 3 ? 0 : TFD_TIMER_ABSTIME, &soon, NULL);
  }
  usleep(1000 * (number % 30));
}

/// Terminals, with line disciplines that come from modules (include/uapi/linux/tty.h).
static void terminals_round(unsigned number) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  offered(master, "pseudo terminals");
  if (unlockpt(master) != 0) left_out("pseudo terminals cannot be unlocked");
  const int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  offered(slave, "pseudo terminals");
  int discipline = (int)(number % 31);
  ioctl(slave, TIOCSETD, &discipline);  // most are not there
  if (write(master, "busy\n", 5) != 5) die("terminal");
  discipline = 0;
  ioctl(slave, TIOCSETD, &discipline);
  struct termios settings;
  if (tcgetattr(slave, &settings) == 0) {
    cfmakeraw(&settings);
    tcsetattr(slave, TCSAFLUSH, &settings);
  }
}

static void watchers_round(unsigned number) {
  const int watcher = check(inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "inotify");
  inotify_add_watch(watcher, "/tmp", IN_ALL_EVENTS);
  const int poll = check(epoll_create1(EPOLL_CLOEXEC), "epoll");
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(poll, EPOLL_CTL_ADD, watcher, &event);
  char path[64];
  snprintf(path, sizeof path, "/tmp/busy/file-%u", number % 8);
  const int file = check(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), path);
  fcntl(file, F_SETLEASE, F_WRLCK);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  fcntl(file, F_SETLK, &lock);
  if (write(file, path, sizeof path) < 0) die(path);
  epoll_wait(poll, &event, 1, 10);
  unlink(path);
}

/// Requests that workers of the kernel do with the rights of this process (io_uring/io-wq.c).
static void io_uring_round(unsigned number) {
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  const int ring = offered((int)syscall(SYS_io_uring_setup, 8, &parameters), "io_uring");
  const size_t size = parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned);
  char* queue = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe* entries = mmap(NULL, parameters.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE,
                                      MAP_SHARED, ring, IORING_OFF_SQES);
  if (queue == MAP_FAILED || entries == MAP_FAILED) die("io_uring");
  static char buffers[8][512];
  const int file = check(open("/proc/self/status", O_RDONLY | O_CLOEXEC), "status");
  syscall(SYS_io_uring_register, ring, IORING_REGISTER_PERSONALITY, NULL, 0);
  unsigned* tail = (unsigned*)(queue + parameters.sq_off.tail);
  unsigned* array = (unsigned*)(queue + parameters.sq_off.array);
  for (unsigned i = 0; i < 8; ++i) {
    memset(&entries[i], 0, sizeof entries[i]);
    entries[i].opcode = IORING_OP_READ;
    entries[i].flags = IOSQE_ASYNC;  // by a worker
    entries[i].fd = file;
    entries[i].addr = (uintptr_t)buffers[i];
    entries[i].len = sizeof buffers[i];
    array[i] = i;
  }
  __atomic_store_n(tail, 8, __ATOMIC_RELEASE);
  check((int)syscall(SYS_io_uring_enter, ring, 8, number % 2 ? 8 : 1, IORING_ENTER_GETEVENTS, NULL, 0),
        "io_uring_enter");
}

const struct Storm kMachineStorms[] = {
    {"clock", clock_round, 500},      {"timers", timers_round, 50},      {"terminals", terminals_round, 100},
    {"watchers", watchers_round, 50}, {"io-uring", io_uring_round, 100}, {NULL, NULL, 0},
};
