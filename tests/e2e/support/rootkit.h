// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace ringside::lab {

/// A technique of tests/attacks, run in a guest: how it is started and undone there, and what must report it.
struct Rootkit {
  std::string name;  ///< its source in tests/attacks, and the variant: "msr how=lstar"
  /// Commands of the guest's shell. `{{SQL}}` is replaced by the first cell of the answer: addresses that a
  /// module has to be told. Started: it prints "loaded". Empty `undo`: the guest keeps it.
  std::string load, undo;
  std::string check;              ///< "policy/check" that must report it
  std::vector<std::string> says;  ///< in its message: place and owner ("module -": nobody)
  /// A symbol of /proc/kallsyms that kernels have in which there is such a thing to attack (a basic regular
  /// expression), and why others have none. Empty: all have it.
  std::string needs, otherwise;
  /// Why a 32-bit kernel may have nothing to attack though the check can tell. Empty: then it is a miss.
  std::string narrow = {};
  /// What makes the state that is attacked (it prints "loaded") and takes it back; after each a baseline is
  /// taken. Empty: nothing.
  std::string before = {}, after = {};
};

/// All of them, those that cannot be undone last.
std::vector<Rootkit> rootkits();

}  // namespace ringside::lab
