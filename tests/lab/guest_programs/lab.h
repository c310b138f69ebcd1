// SPDX-License-Identifier: Apache-2.0
// The program `lab` that runs inside the guests of the tests. Plain C, so that one static file serves guests
// of both word sizes.
#ifndef RINGSIDE_TESTS_LAB_GUEST_PROGRAMS_LAB_H
#define RINGSIDE_TESTS_LAB_GUEST_PROGRAMS_LAB_H

#include <stddef.h>
#include <stdio.h>

/// Ends the program with `what` and errno.
void die(const char* what) __attribute__((noreturn));
/// `value` unless it is negative; then die(what).
int check(int value, const char* what);
/// Tells `lab populate` that this process stands as it shall stay.
void ready(void);
/// ready(), and sleeps for ever.
void stay(void) __attribute__((noreturn));
/// Sleeps for ever.
void sleep_for_ever(void) __attribute__((noreturn));
/// Names the calling process in /proc/PID/comm.
void set_name(const char* name);

/// The file descriptor on which `lab populate` waits for ready().
enum { kReadyDescriptor = 250 };

/// Each of these is what `lab NAME ARGUMENTS...` does; `arguments` ends with NULL.
int role_idle(char** arguments);
int role_spin(char** arguments);
int role_threads(char** arguments);
int role_names(char** arguments);
int role_zombie(char** arguments);
int role_stopped(char** arguments);
int role_traced(char** arguments);
int role_deleted(char** arguments);
int role_memfd(char** arguments);
int role_files(char** arguments);
int role_internet(char** arguments);
int role_unix(char** arguments);
int role_link(char** arguments);
int role_namespaces(char** arguments);
int command_populate(char** arguments);
int command_capture(char** arguments);
int command_send(char** arguments);
int command_kexec(char** arguments);
int command_bpf(char** arguments);
int command_busy(char** arguments);
int command_busy_is_root(char** arguments);
int command_busy_offset(char** arguments);

/// A tar archive (POSIX ustar) that is written to `out`.
void tar_add(FILE* out, const char* name, const char* bytes, size_t size);
void tar_end(FILE* out);

#endif
