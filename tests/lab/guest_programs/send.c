// SPDX-License-Identifier: Apache-2.0
// lab send DEVICE: writes its standard input to a disk that the host reads, and prints how many bytes that
// were.
#define _GNU_SOURCE
#include "lab.h"

#include <fcntl.h>
#include <unistd.h>

int command_send(char** arguments) {
  static char buffer[1 << 17];
  const char* device = arguments[0] ? arguments[0] : "/dev/vda";
  const int out = check(open(device, O_WRONLY | O_CLOEXEC), device);
  unsigned long long total = 0;
  for (;;) {
    const ssize_t size = read(0, buffer, sizeof buffer);
    if (size < 0) die("standard input");
    if (size == 0) break;
    for (ssize_t done = 0; done < size;) {
      const ssize_t part = write(out, buffer + done, (size_t)(size - done));
      if (part <= 0) die(device);
      done += part;
    }
    total += (unsigned long long)size;
  }
  check(fsync(out), device);
  printf("%llu\n", total);
  return 0;
}
