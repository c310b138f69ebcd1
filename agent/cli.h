// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/outcome.h"

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ringside::agent {

/// The whole command line. Parsing it leaves the chosen verb's work in Context::action.
std::unique_ptr<CLI::App> make_app(Context& context);

/// Says on Context::err what went wrong, for people or as one JSON line.
void report(const Failure& failure, const Context& context);

/// Parses `arguments` (without the program's name), runs the verb, and gives the exit code.
int run(const std::vector<std::string>& arguments, Context& context);

}  // namespace ringside::agent
