// SPDX-License-Identifier: Apache-2.0
// Boots another kernel from the running one (kexec_file_load(2), reboot(2)).
#define _GNU_SOURCE
#include "lab.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int command_kexec(char** arguments) {
  if (!arguments[0] || !arguments[1] || !arguments[2]) {
    fprintf(stderr, "usage: lab kexec KERNEL INITRAMFS COMMAND-LINE\n");
    return 2;
  }
#ifdef SYS_kexec_file_load
  const int kernel = check(open(arguments[0], O_RDONLY), arguments[0]);
  const int initramfs = check(open(arguments[1], O_RDONLY), arguments[1]);
  const char* line = arguments[2];
  check((int)syscall(SYS_kexec_file_load, kernel, initramfs, strlen(line) + 1, line, 0L), "kexec_file_load");
  check((int)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL),
        "reboot");
  return 0;
#else
  fprintf(stderr, "lab kexec: not for guests of 32 bits\n");
  return 1;
#endif
}
