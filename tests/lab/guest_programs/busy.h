// SPDX-License-Identifier: Apache-2.0
// Storms: work that keeps one part of a healthy kernel busy, over and over.
#ifndef RINGSIDE_TESTS_LAB_GUEST_PROGRAMS_BUSY_H
#define RINGSIDE_TESTS_LAB_GUEST_PROGRAMS_BUSY_H

#include "lab.h"

/// One storm. Each round runs in a process of its own, so that its end gives back all that it held.
struct Storm {
  const char* name;
  void (*round)(unsigned number);
  unsigned pause;  ///< milliseconds between two rounds
};

/// The storms of each file; the last one has no name.
extern const struct Storm kTaskStorms[], kMemoryStorms[], kFilterStorms[], kSocketStorms[], kBpfStorms[],
    kPerfStorms[], kMachineStorms[];

/// Ends the round: this kernel does not offer what the storm is made of.
void left_out(const char* why) __attribute__((noreturn));
/// `value` unless it is negative; then the kernel does not offer `what` if errno says so, else die(what).
int offered(int value, const char* what);

#endif
