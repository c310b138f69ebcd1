// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/rootkit.h"

#include <string>
#include <vector>

namespace ringside::lab {

/// A module of tests/attacks/modules that is loaded with parameters and undoes it when it is unloaded.
Rootkit module(const std::string& name, const std::string& parameters, std::string check,
               std::vector<std::string> says, std::string needs = {}, std::string otherwise = {});

/// The same with parameters that are looked up, left out of the name.
Rootkit told(const std::string& name, const std::string& parameters, const std::string& looked_up,
             std::string check, std::vector<std::string> says, std::string needs = {},
             std::string otherwise = {});

inline const std::string kNobody = "module -";
inline const std::string kSwapoff = "_sys_swapoff";
inline const std::string kListener =
    "socket={{SELECT gva FROM sockets WHERE protocol = 'tcp' AND state = 'LISTEN' AND local_port = "
    "7777}}";
/// A process that sleeps, and the one that listens on port 7777.
inline const std::string kVictim = "pid=$(cat /tmp/victim)";
inline const std::string kListening = "pid=$(pidof nc)";

std::vector<Rootkit> entry_rootkits();
std::vector<Rootkit> code_rootkits();
std::vector<Rootkit> page_rootkits();
std::vector<Rootkit> tracing_rootkits();
std::vector<Rootkit> subsystem_rootkits();
std::vector<Rootkit> file_rootkits();
std::vector<Rootkit> setting_rootkits();
std::vector<Rootkit> view_rootkits();
/// Of these the guest is thrown away.
std::vector<Rootkit> kept_rootkits();

}  // namespace ringside::lab
