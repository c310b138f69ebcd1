// SPDX-License-Identifier: Apache-2.0
#include "agent/cli.h"
#include "agent/signals.h"

#include <unistd.h>

#include <iostream>

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  ringside::agent::signals::install();
  ringside::agent::Context context(std::cout, std::cerr);
  context.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  context.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  return ringside::agent::run({argv + 1, argv + argc}, context);
}
