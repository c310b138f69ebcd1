// SPDX-License-Identifier: Apache-2.0
// A small container: its own pid, net, uts, ipc, cgroup and mount namespaces.
#define _GNU_SOURCE
#include "lab.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void loopback_up(void) {
  const int fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  check(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
  close(fd);
}

/// namespaces [user]: with `user` in a user namespace of its own, too.
int role_namespaces(char** arguments) {
  set_name("lab-outside");
  const int user = arguments[0] && strcmp(arguments[0], "user") == 0 ? CLONE_NEWUSER : 0;
  check(unshare(user | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS |
                CLONE_NEWCGROUP),
        "unshare");
  check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private /");
  const pid_t child = check(fork(), "fork");
  if (child != 0) {
    close(kReadyDescriptor);
    sleep_for_ever();
  }
  set_name("lab-inside");
  check(sethostname("inside", 6), "sethostname");
  loopback_up();
  const char* folder = user ? "/tmp/inside-user" : "/tmp/inside";
  check(mkdir(folder, 0755), folder);
  check(mount("inside", folder, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k"), folder);
  if (!user) check(mount("proc", "/proc", "proc", 0, NULL), "/proc");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
  const int server = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  check(bind(server, (struct sockaddr*)&address, sizeof address), "bind");
  check(listen(server, 3), "listen");
  // A second process of the same namespace: pid 2 inside.
  const pid_t second = check(fork(), "fork");
  if (second == 0) {
    close(kReadyDescriptor);
    set_name("lab-inside-2");
    sleep_for_ever();
  }
  stay();
}
