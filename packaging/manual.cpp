// SPDX-License-Identifier: Apache-2.0
// Writes the source of one manual page, for pandoc. Runs at build time: manual PAGE SOURCE-DIRECTORY
#include "agent/manual/manual.h"

#include "agent/cli.h"
#include "agent/metrics_reference.h"
#include "agent/tables_reference.h"
#include "agent/version.h"

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>
#include <sstream>

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    std::cerr << "manual: cannot read " << path << '\n';
    std::exit(1);
  }
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ringside::agent;
  if (argc != 3) return 2;
  const std::string page = argv[1], source = argv[2];
  if (page == "ringside.1") {
    Context context(std::cout, std::cerr);
    std::cout << manual_of_verbs(
        {"ringside", 1, "watch the integrity of QEMU/KVM guests from outside", kVersion},
        command_tree(*make_app(context)), text_of(source + "/docs/cli.md"));
  } else if (page == "ringside.yaml.5") {
    std::cout << manual_of_config({"ringside.yaml", 5, "configuration of ringside's agent", kVersion},
                                  text_of(source + "/packaging/ringside.yaml"));
  } else if (page == "ringside-policy.7") {
    std::cout << manual_of_document({"ringside-policy", 7, "policies and exceptions of ringside", kVersion},
                                    text_of(source + "/docs/policies.md"));
  } else if (page == "ringside-tables.7") {
    std::cout << manual_of_document(
        {"ringside-tables", 7, "tables that ringside's queries and policies ask", kVersion},
        tables_markdown());
  } else if (page == "ringside-metrics.7") {
    std::cout << manual_of_document({"ringside-metrics", 7, "metrics of ringside's agent", kVersion},
                                    metrics_markdown());
  } else {
    std::cerr << "manual: no page " << page << '\n';
    return 2;
  }
  std::cout.flush();
  return std::cout ? 0 : 1;
}
