// SPDX-License-Identifier: Apache-2.0
// write_setting FILE VALUE
// Technique: root writes a setting that has the kernel run a program (kernel.modprobe, kernel.core_pattern,
// /sys/kernel/uevent_helper), or lowers a restriction (kernel.kptr_restrict, ...). Who: exploits and
// installers of kits. Changes: that setting, by the kernel's own interface; nothing runs. Prints the old
// value, with which it is undone.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int count, char** arguments) {
  if (count != 3) return 2;
  char old[256];
  const int file = open(arguments[1], O_RDWR | O_CLOEXEC);
  if (file < 0) return perror(arguments[1]), 1;
  const ssize_t size = read(file, old, sizeof old - 1);
  if (size >= 0) fwrite(old, 1, (size_t)size, stdout);
  // An empty text is written as a newline.
  const char* value = *arguments[2] ? arguments[2] : "\n";
  if (pwrite(file, value, strlen(value), 0) < 0) return perror(arguments[1]), 1;
  return 0;
}
