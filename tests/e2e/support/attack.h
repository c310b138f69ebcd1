// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/address.h"
#include "policies/engine/database.h"

#include <functional>
#include <string>
#include <vector>

namespace ringside::lab {

/// Bytes to put into a guest's memory.
struct Poke {
  guest::Gva gva;
  Bytes bytes;
};

/// A harmless simulation of what a rootkit does to a kernel: it changes the one object that a check must
/// notice, from outside, in a throw-away guest, and is undone afterwards.
struct Attack {
  std::string name;       ///< "hook a system call"
  std::string technique;  ///< whose: "Diamorphine: entries of sys_call_table"
  std::string check;      ///< "policy/check" that must report it
  /// What to change, found in the stopped guest with the tables and functions of SQL. No pokes: this kernel
  /// has no such object, and the attack does not apply to it.
  std::function<Result<std::vector<Poke>>(policies::Database&)> prepare;
  /// Other checks that may report it too, as patterns ("idt/gates-unchanged", "linux-text/*").
  std::vector<std::string> also{};
};

/// The attacks of all files in tests/e2e/attacks: NAME_attacks.cpp has `std::vector<Attack> NAME_attacks();`.
std::vector<Attack> all_attacks();

// One function a subject, in tests/e2e/attacks.
std::vector<Attack> view_attacks();
std::vector<Attack> text_attacks();
std::vector<Attack> pages_attacks();
std::vector<Attack> trace_attacks();
std::vector<Attack> subsystem_attacks();

}  // namespace ringside::lab
