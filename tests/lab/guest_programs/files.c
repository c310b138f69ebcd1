// SPDX-License-Identifier: Apache-2.0
// Open files and mappings of the kinds that /proc tells apart.
#define _GNU_SOURCE
#include "lab.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int file_with(const char* path, const char* text, size_t size) {
  const int file = check(open(path, O_RDWR | O_CREAT | O_TRUNC, 0640), path);
  if (write(file, text, size) != (ssize_t)size) die(path);
  return file;
}

static void map(size_t size, int protection, int flags, int file, off_t offset) {
  if (mmap(NULL, size, protection, flags, file, offset) == MAP_FAILED) die("mmap");
}

int role_files(char** arguments) {
  (void)arguments;
  set_name("lab-files");
  check(mkdir("/tmp/a folder", 0755), "/tmp/a folder");
  check(chdir("/tmp/a folder"), "chdir");
  const int named = file_with("named", "ringside\n", 9);
  check((int)lseek(named, 4, SEEK_SET), "lseek");
  check(ftruncate(named, 3 * 4096), "ftruncate");
  const int gone = file_with("gone", "gone\n", 5);
  check(unlink("gone"), "unlink");
  check(open("named", O_WRONLY | O_APPEND | O_CLOEXEC), "named");
  check(open("/", O_RDONLY | O_DIRECTORY), "/");
  check(open("/dev/null", O_RDWR), "/dev/null");
  check(open("/proc/self/maps", O_RDONLY), "/proc/self/maps");
  check(open("/tmp", O_PATH), "/tmp");
  const int memory = check(memfd_create("lab memory", 0), "memfd_create");
  check(ftruncate(memory, 8192), "ftruncate");
  int ends[2];
  check(pipe(ends), "pipe");
  check(mkfifo("fifo", 0600), "fifo");
  check(open("fifo", O_RDWR), "fifo");
  const int poll = check(epoll_create1(0), "epoll_create1");
  struct epoll_event event = {.events = EPOLLIN};
  check(epoll_ctl(poll, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
  check(eventfd(5, 0), "eventfd");
  check(timerfd_create(0, 0), "timerfd_create");
  sigset_t none;
  sigemptyset(&none);
  check(signalfd(-1, &none, 0), "signalfd");
  check(inotify_add_watch(check(inotify_init1(0), "inotify_init1"), "named", IN_MODIFY), "inotify_add_watch");
  // A descriptor far beyond the first table of 64.
  check(dup2(named, 200), "dup2");

  map(4096, PROT_READ, MAP_PRIVATE, named, 4096);
  map(3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, named, 0);
  map(4096, PROT_READ, MAP_PRIVATE, gone, 0);
  map(8192, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  map(1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  map(4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  map(4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  map(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
  for (int i = 0; i < 150; ++i)
    map(4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stay();
}
