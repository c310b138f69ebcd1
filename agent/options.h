// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <string>

namespace ringside::agent {

/// --json, --color, --verbose, --quiet.
void add_output_options(CLI::App& verb, Context& context);
/// The same, with the positional TARGET and how to reach it: --memory, --timeout, --tls-*.
void add_target(CLI::App& verb, Context& context);
/// The options of add_target without the positional, for verbs whose TARGET may be left out.
void add_connection_options(CLI::App& verb, Context& context);
/// --msrs, for verbs that read MSRs.
void add_msr_option(CLI::App& verb, Context& context);
/// "Example:" lines under a verb's help.
void add_example(CLI::App& verb, const std::string& lines);

/// An option that holds a duration ("2s").
CLI::Option* add_duration(CLI::App& verb, const std::string& name, std::chrono::milliseconds& into,
                          const std::string& help);
/// An option that holds an address or number (decimal or 0x).
CLI::Option* add_number(CLI::App& verb, const std::string& name, std::uint64_t& into,
                        const std::string& help);

}  // namespace ringside::agent
