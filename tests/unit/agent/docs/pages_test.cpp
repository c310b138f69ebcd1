// SPDX-License-Identifier: Apache-2.0
// The pages hang together: links lead somewhere, files that they give are right.
#include "agent/cli.h"
#include "agent/context.h"
#include "tests/support/documented_commands.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;
const fs::path kSource = RINGSIDE_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The text without its code blocks.
std::string prose_of(const std::string& text) {
  std::string out;
  bool code = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) code = !code;
    if (!code && !line.starts_with("    ")) out += line + '\n';
  }
  return out;
}

/// What a forge makes of headings: small letters, hyphens for blanks, and nothing else but letters and
/// digits.
std::set<std::string> anchors_of(const std::string& text) {
  std::set<std::string> anchors;
  std::istringstream lines(prose_of(text));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('#')) continue;
    std::string anchor;
    for (const char c : line.substr(std::min(line.find(' ') + 1, line.size()))) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == ' ')
        anchor += '-';
      else if (std::isalnum(byte) || c == '-' || c == '_' || byte >= 0x80)
        anchor += static_cast<char>(std::tolower(byte));
    }
    anchors.insert(anchor);
  }
  return anchors;
}

TEST(Pages, LinksLeadToFilesAndHeadings) {
  static const std::regex link(R"(\]\(([^)\s]+)\))");
  std::size_t seen = 0;
  for (const auto& page : docs::read_documentation(kSource)) {
    const fs::path place = kSource / page.name;
    const std::string prose = prose_of(text_of(place));
    for (std::sregex_iterator it(prose.begin(), prose.end(), link), end; it != end; ++it) {
      const std::string target = (*it)[1];
      if (target.starts_with("https://")) continue;
      ++seen;
      const auto hash = target.find('#');
      const fs::path file =
          hash == 0 ? place : (place.parent_path() / target.substr(0, hash)).lexically_normal();
      if (!fs::exists(file)) {
        ADD_FAILURE() << page.name << " links to " << target << ", which is not there";
      } else if (hash != std::string::npos) {
        EXPECT_TRUE(anchors_of(text_of(file)).contains(target.substr(hash + 1)))
            << page.name << " links to a heading that is not there: " << target;
      }
    }
  }
  EXPECT_GT(seen, 60u);
}

TEST(Pages, TheIndexNamesEveryPage) {
  const std::string index = text_of(kSource / "docs/README.md");
  for (const auto& page : docs::read_documentation(kSource)) {
    if (!page.name.starts_with("docs/") || page.name == "docs/README.md") continue;
    EXPECT_NE(index.find('(' + page.name.substr(5) + ')'), std::string::npos) << page.name;
  }
}

TEST(Pages, APlatformSaysFirstWhetherItWasTested) {
  std::size_t seen = 0;
  for (const auto& entry : fs::directory_iterator(kSource / "docs/getting-started")) {
    ++seen;
    const std::string text = text_of(entry.path());
    const std::string first = text.substr(std::min(text.find("\n\n"), text.size() - 2) + 2);
    EXPECT_TRUE(first.starts_with("Tested: ") || first.starts_with("Not tested here")) << entry.path();
  }
  EXPECT_EQ(seen, 5u);
}

int ringside(const std::vector<std::string>& arguments, std::string& said) {
  std::ostringstream out;
  Context context(out, out);
  const int exit = run(arguments, context);
  said = out.str();
  return exit;
}

TEST(Pages, ThePolicyOfTheGuideAndItsTestAreRight) {
  const ringside::testing::TemporaryDirectory folder;
  for (const auto& page : docs::read_documentation(kSource)) {
    if (page.name != "docs/policies.md") continue;
    for (const auto& file : page.files) std::ofstream(folder.file(file.name)) << file.text;
  }
  fs::create_symlink(kSource / "tests/data/linux/6.1-cloud.rsnap", folder.file("healthy.rsnap"));
  std::string said;
  EXPECT_EQ(ringside({"policy", "check", folder.file("hardening.yaml")}, said), 0) << said;
  EXPECT_EQ(ringside({"policy", "test", folder.file("hardening-test.yaml"), "--coverage"}, said), 0) << said;
  EXPECT_NE(said.find("2 of 2 checks have cases of both kinds"), std::string::npos) << said;
}

}  // namespace
}  // namespace ringside::agent
