// SPDX-License-Identifier: Apache-2.0
// packaging/ringside.yaml against the reader: it must load as it ships and with all that it offers, and say
// everything that the reader knows.
#include "agent/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace ringside::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(RINGSIDE_SOURCE_DIR) + '/' + path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

const std::regex kSetting("^( *)#([^ ].*)$");
const std::regex kComment("^ *#( .*)?$");

std::string uncommented(const std::string& text) {
  std::string out;
  for (const auto& line : lines_of(text)) out += std::regex_replace(line, kSetting, "$1$2") + '\n';
  return out;
}

std::vector<std::string> messages(const std::vector<policies::Diagnostic>& errors) {
  std::vector<std::string> all;
  for (const auto& error : errors) all.push_back(std::to_string(error.line) + ": " + error.message);
  return all;
}

TEST(ShippedConfig, LoadsAsItShips) {
  Config config;
  EXPECT_THAT(messages(read_config("ringside.yaml", text_of("packaging/ringside.yaml"), config)), IsEmpty());
  EXPECT_THAT(config.guests.sockets, ElementsAre("/run/ringside/qmp/*.sock"));
  EXPECT_EQ(config.guests.hook, "/run/ringside/hook.sock");
  EXPECT_THAT(config.actions, IsEmpty());
  EXPECT_THAT(config.outputs, IsEmpty());
  EXPECT_EQ(config.http.listen, "");
}

TEST(ShippedConfig, OfLibvirtLoads) {
  Config config;
  EXPECT_THAT(messages(read_config("50-libvirt.yaml", text_of("packaging/libvirt/50-libvirt.yaml"), config)),
              IsEmpty());
  EXPECT_THAT(config.guests.libvirt, ElementsAre("qemu:///system"));
}

TEST(ShippedConfig, LoadsWithAllThatItOffersAndShowsDefaults) {
  Config all;
  const Config defaults;
  EXPECT_THAT(messages(read_config("ringside.yaml", uncommented(text_of("packaging/ringside.yaml")), all)),
              IsEmpty());
  EXPECT_THAT(all.outputs, SizeIs(2));
  EXPECT_THAT(all.actions, SizeIs(1));
  EXPECT_EQ(all.policies.built_in, defaults.policies.built_in);
  EXPECT_EQ(all.policies.unused_exceptions_after, defaults.policies.unused_exceptions_after);
  EXPECT_EQ(all.watching.workers, defaults.watching.workers);
  EXPECT_EQ(all.watching.memory, defaults.watching.memory);
  EXPECT_EQ(all.watching.msrs, defaults.watching.msrs);
  EXPECT_EQ(all.watching.connect_timeout, defaults.watching.connect_timeout);
  EXPECT_EQ(all.watching.longest_retry, defaults.watching.longest_retry);
  EXPECT_EQ(all.watching.blind_after, defaults.watching.blind_after);
  EXPECT_EQ(all.watching.unwatched_after, defaults.watching.unwatched_after);
  EXPECT_EQ(all.watching.settle, defaults.watching.settle);
  EXPECT_EQ(all.watching.learn, defaults.watching.learn);
  EXPECT_EQ(all.pauses.longest, defaults.pauses.longest);
  EXPECT_EQ(all.pauses.per_minute, defaults.pauses.per_minute);
  EXPECT_EQ(all.breaker.per_guest, defaults.breaker.per_guest);
  EXPECT_EQ(all.breaker.per_host, defaults.breaker.per_host);
  EXPECT_EQ(all.breaker.within, defaults.breaker.within);
  EXPECT_EQ(all.evidence_bytes, defaults.evidence_bytes);
  EXPECT_EQ(all.dump_bytes, defaults.dump_bytes);
  EXPECT_EQ(all.resolved_findings, defaults.resolved_findings);
  ASSERT_FALSE(all.outputs.empty());
  EXPECT_EQ(all.outputs[0].at_least, OutputConfig().at_least);
  EXPECT_EQ(all.outputs[0].queue, OutputConfig().queue);
  EXPECT_EQ(all.outputs[0].timeout, OutputConfig().timeout);
}

/// Each key that is commented out in a section alone, with what stands below it, as an operator would take
/// it.
TEST(ShippedConfig, LoadsWithEachSettingAlone) {
  const auto lines = lines_of(text_of("packaging/ringside.yaml"));
  int tried = 0;
  for (std::size_t first = 0; first < lines.size(); ++first) {
    if (!lines[first].starts_with("  #") || lines[first][3] == ' ') continue;
    if (lines[first].find("#certificate:") != std::string::npos ||
        lines[first].find("#key:") != std::string::npos)
      continue;  // go together
    std::string text;
    bool within = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i == first)
        within = true;
      else if (within && !lines[i].starts_with("    "))
        within = false;
      text += (within ? std::regex_replace(lines[i], kSetting, "$1$2") : lines[i]) + '\n';
    }
    Config config;
    EXPECT_THAT(messages(read_config("ringside.yaml", text, config)), IsEmpty()) << lines[first];
    ++tried;
  }
  EXPECT_GT(tried, 25);
}

TEST(ShippedConfig, SaysOfEachSettingItsDefaultAndMaturity) {
  const auto lines = lines_of(text_of("packaging/ringside.yaml"));
  const std::regex key("^ +#?(- )?([A-Za-z]+):.*$");
  std::set<std::string> said;
  std::string comment;
  for (const auto& line : lines) {
    std::smatch match;
    if (std::regex_match(line, kComment)) {
      comment += line.substr(line.find('#') + 1);
    } else if (std::regex_match(line, match, key)) {
      const std::string name = match[2];
      // A second output shows keys that the first explained.
      if (!comment.empty() || !said.contains(name)) {
        EXPECT_NE(comment.find("Default: "), std::string::npos) << line;
        EXPECT_TRUE(comment.ends_with(" Stable.") || comment.ends_with(" Experimental.")) << line;
      }
      said.insert(name);
      comment.clear();
    } else {
      comment.clear();
    }
  }
}

/// The keys of each mapping, by what the reader calls it, out of the reader's source.
std::map<std::string, std::set<std::string>> keys_of_reader() {
  const std::string source = text_of("agent/config/config_reader.cpp");
  const std::regex mapping(R"re(Mapping \w+\(\s*diagnosis_, [^;{]*?"([^"]+)",\s*\{([^}]*)\}\))re"),
      quoted("\"([A-Za-z]+)\"");
  std::map<std::string, std::set<std::string>> all;
  for (std::sregex_iterator it(source.begin(), source.end(), mapping), end; it != end; ++it) {
    const std::string keys = (*it)[2];
    for (std::sregex_iterator key(keys.begin(), keys.end(), quoted); key != end; ++key)
      all[(*it)[1]].insert((*key)[1]);
  }
  return all;
}

/// The keys of the mappings at `path`, elements of lists together.
std::set<std::string> keys_at(const YAML::Node& node, std::vector<std::string> path) {
  std::set<std::string> keys;
  if (node.IsSequence()) {
    for (const auto& element : node) keys.merge(keys_at(element, path));
  } else if (!path.empty()) {
    const std::string first = path.front();
    path.erase(path.begin());
    if (node.IsMap() && node[first]) return keys_at(node[first], path);
  } else if (node.IsMap()) {
    for (const auto& entry : node) keys.insert(entry.first.Scalar());
  }
  return keys;
}

TEST(ShippedConfig, HasEveryKeyOfTheReader) {
  const std::map<std::string, std::vector<std::string>> places = {{"the configuration", {}},
                                                                  {"guests", {"guests"}},
                                                                  {"tls", {"guests", "tls"}},
                                                                  {"a rule of labels", {"guests", "labels"}},
                                                                  {"control", {"control"}},
                                                                  {"http", {"http"}},
                                                                  {"policies", {"policies"}},
                                                                  {"watching", {"watching"}},
                                                                  {"pauses", {"pauses"}},
                                                                  {"actions", {"actions"}},
                                                                  {"breaker", {"actions", "breaker"}},
                                                                  {"a rule of actions", {"actions", "allow"}},
                                                                  {"keep", {"keep"}},
                                                                  {"an output", {"outputs"}}};
  const YAML::Node document = YAML::Load(uncommented(text_of("packaging/ringside.yaml")));
  const auto reader = keys_of_reader();
  EXPECT_EQ(reader.size(), places.size());
  for (const auto& [what, keys] : reader) {
    const auto place = places.find(what);
    ASSERT_NE(place, places.end()) << what << " is new: say here where it stands in packaging/ringside.yaml";
    EXPECT_EQ(keys_at(document, place->second), keys) << what;
  }
}

}  // namespace
}  // namespace ringside::agent
