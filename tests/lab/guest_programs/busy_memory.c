// SPDX-License-Identifier: Apache-2.0
// Storms of memory: pressure until pages go to the swap, mappings that change, faults that a program answers
// itself.
#define _GNU_SOURCE
#include "busy.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kPage = 4096 };

static size_t kib_of(const char* line) {
  FILE* file = fopen("/proc/meminfo", "re");
  if (!file) die("/proc/meminfo");
  char name[64];
  unsigned long value = 0;
  while (fscanf(file, "%63s %lu%*[^\n]", name, &value) == 2)
    if (strcmp(name, line) == 0) break;
  fclose(file);
  return value;
}

/// Takes nearly all memory and a part of the swap, and touches all of it twice. Whoever asks for more
/// meanwhile has it killed.
static void pressure_round(unsigned number) {
  FILE* score = fopen("/proc/self/oom_score_adj", "we");
  if (score) {
    fputs("1000", score);
    fclose(score);
  }
  const size_t wanted = (kib_of("MemFree:") + (16u << 10)) << 10;
  char* memory = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  madvise(memory, wanted, number % 2 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  if (number % 3 == 0) madvise(memory, wanted, MADV_MERGEABLE);
  for (size_t at = 0; at < wanted; at += kPage) memory[at] = (char)(at / kPage + number);
}

static void mappings_round(unsigned number) {
  (void)number;
  const size_t size = 64 * kPage;
  for (int i = 0; i < 30; ++i) {
    char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    memset(memory, i, size);
    check(mprotect(memory + kPage, kPage, PROT_READ | PROT_EXEC), "mprotect");
    check(madvise(memory, 8 * kPage, MADV_DONTNEED), "madvise");
    memory = mremap(memory, size, 2 * size, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) continue;
    munmap(memory, 2 * size);
  }
  const int file = check(memfd_create("busy", MFD_CLOEXEC), "memfd_create");
  check(ftruncate(file, (off_t)size), "ftruncate");
  char* shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (shared == MAP_FAILED) die("mmap");
  memset(shared, 1, size);
  mlock(shared, size);
}

struct Faults {
  int fd;
  char* memory;
  size_t size;
};

static void* touch(void* argument) {
  const struct Faults* faults = argument;
  for (size_t at = 0; at < faults->size; at += kPage) *(volatile char*)(faults->memory + at) += 1;
  return NULL;
}

static void userfaults_round(unsigned number) {
  (void)number;
  struct Faults faults = {(int)syscall(SYS_userfaultfd, O_CLOEXEC), NULL, 16 * kPage};
  offered(faults.fd, "userfaultfd");
  struct uffdio_api api = {.api = UFFD_API};
  check(ioctl(faults.fd, UFFDIO_API, &api), "UFFDIO_API");
  faults.memory = mmap(NULL, faults.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (faults.memory == MAP_FAILED) die("mmap");
  struct uffdio_register range = {.range = {(uintptr_t)faults.memory, faults.size},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
  check(ioctl(faults.fd, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
  pthread_t thread;
  if (pthread_create(&thread, NULL, touch, &faults)) die("pthread_create");
  static char page[kPage];
  for (size_t at = 0; at < faults.size; at += kPage) {
    struct uffd_msg message;
    if (read(faults.fd, &message, sizeof message) != sizeof message) die("userfaultfd");
    struct uffdio_copy copy = {
        .dst = message.arg.pagefault.address & ~(uint64_t)(kPage - 1), .src = (uintptr_t)page, .len = kPage};
    check(ioctl(faults.fd, UFFDIO_COPY, &copy), "UFFDIO_COPY");
  }
  pthread_join(thread, NULL);
}

const struct Storm kMemoryStorms[] = {
    {"memory-pressure", pressure_round, 30000},
    {"mappings", mappings_round, 100},
    {"userfaults", userfaults_round, 200},
    {NULL, NULL, 0},
};
