// SPDX-License-Identifier: Apache-2.0
// lab capture DEVICE [stay]: writes what the guest itself says about its kernel as a tar archive to a disk
// that the host reads, and prints its size. With `stay` the process then sleeps, so that the list of
// processes stays as told. Symbolic links and folders of them are told as text: "NAME -> TARGET" a line.
#define _GNU_SOURCE
#include "lab.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <unistd.h>

struct Text {
  char* bytes;
  size_t size, room;
};

static void append(struct Text* text, const char* bytes, size_t size) {
  if (text->size + size > text->room) {
    text->room = 2 * (text->size + size) + 4096;
    text->bytes = realloc(text->bytes, text->room);
    if (!text->bytes) die("memory");
  }
  memcpy(text->bytes + text->size, bytes, size);
  text->size += size;
}

static void append_string(struct Text* text, const char* string) {
  append(text, string, strlen(string));
}

/// The whole file; what cannot be read becomes "!" and the reason.
static void append_file(struct Text* text, const char* path) {
  static char buffer[1 << 16];
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t size = file < 0 ? -1 : 0;
  while (file >= 0 && (size = read(file, buffer, sizeof buffer)) > 0) append(text, buffer, (size_t)size);
  if (size < 0 && errno != EAGAIN) {
    append_string(text, "!");
    append_string(text, strerror(errno));
  }
  if (file >= 0) close(file);
}

static void add_text(FILE* out, const char* name, struct Text* text) {
  tar_add(out, name, text->bytes ? text->bytes : "", text->size);
  free(text->bytes);
  memset(text, 0, sizeof *text);
}

static void add_file(FILE* out, const char* path, const char* name) {
  struct Text text = {0};
  append_file(&text, path);
  add_text(out, name, &text);
}

static void append_link(struct Text* text, const char* path, const char* name) {
  char target[4096];
  const ssize_t size = readlink(path, target, sizeof target);
  if (name) append_string(text, name), append_string(text, " -> ");
  if (size >= 0)
    append(text, target, (size_t)size);
  else
    append_string(text, "!"), append_string(text, strerror(errno));
  append_string(text, "\n");
}

typedef void Visit(FILE* out, struct Text* text, const char* folder, const char* name);

static void each(const char* folder, Visit* visit, FILE* out, struct Text* text) {
  struct dirent** entries;
  const int count = scandir(folder, &entries, NULL, alphasort);
  for (int i = 0; i < count; ++i) {
    const char* name = entries[i]->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) visit(out, text, folder, name);
    free(entries[i]);
  }
  if (count >= 0) free(entries);
}

static char* joined(const char* folder, const char* name) {
  char* path;
  if (asprintf(&path, "%s/%s", folder, name) < 0) die("memory");
  return path;
}

static void visit_link(FILE* out, struct Text* text, const char* folder, const char* name) {
  (void)out;
  char* path = joined(folder, name);
  append_link(text, path, name);
  free(path);
}

static void add_links(FILE* out, const char* folder, const char* name) {
  struct Text text = {0};
  each(folder, visit_link, out, &text);
  add_text(out, name, &text);
}

static void add_one(FILE* out, const char* folder, const char* leaf) {
  char* path = joined(folder, leaf);
  if (strcmp(leaf, "fd") == 0 || strcmp(leaf, "ns") == 0) {
    add_links(out, path, path + 1);
  } else if (strcmp(leaf, "exe") == 0 || strcmp(leaf, "cwd") == 0 || strcmp(leaf, "root") == 0) {
    struct Text text = {0};
    append_link(&text, path, NULL);
    add_text(out, path + 1, &text);
  } else {
    add_file(out, path, path + 1);
  }
  free(path);
}

static void visit_thread(FILE* out, struct Text* text, const char* folder, const char* name) {
  (void)text;
  static const char* const kLeaves[] = {"status", "stat", "comm"};
  char* thread = joined(folder, name);
  for (size_t i = 0; i < sizeof kLeaves / sizeof *kLeaves; ++i) add_one(out, thread, kLeaves[i]);
  free(thread);
}

static void visit_process(FILE* out, struct Text* text, const char* folder, const char* name) {
  static const char* const kLeaves[] = {
      "status", "stat", "comm", "cmdline",   "environ", "exe",    "cwd",      "root",
      "maps",   "fd",   "ns",   "mountinfo", "cgroup",  "limits", "loginuid", "oom_score_adj"};
  if (!isdigit((unsigned char)*name)) return;
  char* process = joined(folder, name);
  for (size_t i = 0; i < sizeof kLeaves / sizeof *kLeaves; ++i) add_one(out, process, kLeaves[i]);
  char* threads = joined(process, "task");
  each(threads, visit_thread, out, text);
  free(threads);
  free(process);
}

/// One line "MODULE NAME VALUE" for each file of a folder of every module.
static const char* module_part;
static void visit_module_file(FILE* out, struct Text* text, const char* folder, const char* name) {
  (void)out;
  char* path = joined(folder, name);
  char* module = strdup(folder + strlen("/sys/module/"));
  *strchrnul(module, '/') = 0;
  struct Text value = {0};
  append_file(&value, path);
  append_string(text, module), append_string(text, " "), append_string(text, name), append_string(text, " ");
  append(text, value.bytes ? value.bytes : "", value.size);
  if (!value.size || value.bytes[value.size - 1] != '\n') append_string(text, "\n");
  free(value.bytes), free(module), free(path);
}

static void visit_module(FILE* out, struct Text* text, const char* folder, const char* name) {
  char* module = joined(folder, name);
  if (module_part) {
    char* part = joined(module, module_part);
    each(part, visit_module_file, out, text);
    free(part);
  } else {
    static const char* const kLeaves[] = {"srcversion", "taint",    "version",  "refcnt",
                                          "coresize",   "initsize", "initstate"};
    for (size_t i = 0; i < sizeof kLeaves / sizeof *kLeaves; ++i) {
      char* path = joined(module, kLeaves[i]);
      if (access(path, R_OK) == 0) visit_module_file(out, text, module, kLeaves[i]);
      free(path);
    }
  }
  free(module);
}

static void add_modules(FILE* out, const char* part, const char* name) {
  struct Text text = {0};
  module_part = part;
  each("/sys/module", visit_module, out, &text);
  add_text(out, name, &text);
}

/// "NAME = VALUE" a line as sysctl -a has it; further lines of a value are indented by a tab.
static void visit_sysctl(FILE* out, struct Text* text, const char* folder, const char* name) {
  char* path = joined(folder, name);
  struct stat status;
  if (lstat(path, &status) == 0) {
    if (S_ISDIR(status.st_mode)) {
      each(path, visit_sysctl, out, text);
    } else if (status.st_mode & 0444) {
      struct Text value = {0};
      append_file(&value, path);
      append_string(text, path + strlen("/proc/sys/"));
      append_string(text, " = ");
      while (value.size && value.bytes[value.size - 1] == '\n') --value.size;
      for (size_t i = 0; i < value.size; ++i)
        append(text, value.bytes[i] == '\n' ? "\n\t" : &value.bytes[i], value.bytes[i] == '\n' ? 2 : 1);
      append_string(text, "\n");
      free(value.bytes);
    }
  }
  free(path);
}

static void add_log(FILE* out) {
  static char buffer[1 << 20];
  const int size = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, buffer, sizeof buffer);
  tar_add(out, "dmesg", buffer, size > 0 ? (size_t)size : 0);
  struct Text text = {0};
  // One record a read().
  const int records = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  for (;;) {
    const ssize_t length = read(records, buffer, sizeof buffer);
    if (length > 0)
      append(&text, buffer, (size_t)length);
    else if (length == 0 || errno != EPIPE)
      break;
  }
  if (records >= 0) close(records);
  add_text(out, "kmsg", &text);
}

int command_capture(char** arguments) {
  static const char* const kFiles[] = {
      "/proc/kallsyms",   "/proc/modules",     "/proc/mounts",           "/proc/cmdline",
      "/proc/version",    "/proc/iomem",       "/proc/ioports",          "/proc/interrupts",
      "/proc/cpuinfo",    "/proc/uptime",      "/proc/meminfo",          "/proc/filesystems",
      "/proc/devices",    "/proc/misc",        "/proc/net/protocols",    "/proc/net/ptype",
      "/proc/net/dev",    "/proc/net/tcp",     "/proc/net/tcp6",         "/proc/net/udp",
      "/proc/net/udp6",   "/proc/net/raw",     "/proc/net/raw6",         "/proc/net/unix",
      "/proc/net/packet", "/proc/net/netlink", "/proc/vmallocinfo",      "/proc/swaps",
      "/proc/stat",       "/proc/loadavg",     "/proc/consoles",         "/proc/crypto",
      "/proc/cgroups",    "/sys/kernel/notes", "/sys/kernel/vmcoreinfo", "/sys/kernel/debug/kprobes/list"};
  const char* device = arguments[0] ? arguments[0] : "/dev/vda";
  set_name("lab-capture");
  FILE* out = fopen(device, "re+");
  if (!out) die(device);
  static char buffer[1 << 17];
  setvbuf(out, buffer, _IOFBF, sizeof buffer);
  struct Text text = {0};
  for (size_t i = 0; i < sizeof kFiles / sizeof *kFiles; ++i) {
    // The system's own files lie at the top; those of processes below proc/.
    const char* name = strncmp(kFiles[i], "/proc/", 6) == 0 ? kFiles[i] + 6 : kFiles[i] + 1;
    add_file(out, kFiles[i], name);
  }
  add_modules(out, "sections", "module_sections");
  add_modules(out, "parameters", "module_parameters");
  add_modules(out, NULL, "module_facts");
  each("/proc/sys", visit_sysctl, out, &text);
  add_text(out, "sysctl", &text);
  add_log(out);
  char self[32];
  snprintf(self, sizeof self, "%d\n", getpid());
  tar_add(out, "capture_pid", self, strlen(self));
  each("/proc", visit_process, out, &text);
  tar_end(out);
  if (fflush(out)) die(device);
  const long long size = ftello(out);
  if (fsync(fileno(out))) die(device);
  printf("%lld\n", size);
  fflush(stdout);
  if (arguments[0] && arguments[1] && strcmp(arguments[1], "stay") == 0) stay();
  return 0;
}
