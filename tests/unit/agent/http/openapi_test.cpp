// SPDX-License-Identifier: Apache-2.0
#include "agent/http/routes.h"
#include "tests/unit/agent/http/fake_api.h"

#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace ringside::agent::http {
namespace {

std::set<std::string> of_the_server() {
  std::set<std::string> all;
  for (const Route& route : routes())
    all.insert(std::string(route.method) + " " + std::string(route.pattern));
  return all;
}

class OpenApi : public ::testing::Test {
 protected:
  YAML::Node document_ = YAML::LoadFile(RINGSIDE_SOURCE_DIR "/docs/openapi.yaml");

  /// Each operation as "GET /path".
  std::map<std::string, YAML::Node> operations() const {
    std::map<std::string, YAML::Node> all;
    for (const auto& path : document_["paths"])
      for (const auto& entry : path.second) {
        auto method = entry.first.as<std::string>();
        if (method == "parameters") continue;
        std::transform(method.begin(), method.end(), method.begin(), ::toupper);
        all[method + " " + path.first.as<std::string>()] = entry.second;
      }
    return all;
  }
  /// What a "$ref" leads to, or the node itself.
  YAML::Node resolved(const YAML::Node& node) const {
    if (!node["$ref"]) return node;
    const auto reference = node["$ref"].as<std::string>();
    YAML::Node at = YAML::Clone(document_);
    std::size_t begin = 2;  // behind "#/"
    while (begin <= reference.size()) {
      const std::size_t end = std::min(reference.find('/', begin), reference.size());
      const YAML::Node next = at[reference.substr(begin, end - begin)];
      if (!next) throw std::runtime_error("nothing at " + reference);
      at.reset(next);
      begin = end + 1;
    }
    return at;
  }
};

TEST_F(OpenApi, TheDocumentAndTheServerHaveTheSameOperations) {
  std::set<std::string> described;
  for (const auto& [name, operation] : operations()) described.insert(name);
  EXPECT_EQ(described, of_the_server());
  EXPECT_EQ(document_["openapi"].as<std::string>().substr(0, 4), "3.0.");
}

TEST_F(OpenApi, EveryOperationSaysWhoMayWhatAndWhatComesBack) {
  const auto all = operations();
  std::set<std::string> ids;
  for (const Route& route : routes()) {
    const std::string name = std::string(route.method) + " " + std::string(route.pattern);
    const auto found = all.find(name);
    ASSERT_NE(found, all.end()) << name;
    const YAML::Node& operation = found->second;
    EXPECT_TRUE(operation["summary"]) << name;
    EXPECT_TRUE(ids.insert(operation["operationId"].as<std::string>()).second) << name;
    EXPECT_TRUE(operation["responses"]["200"]) << name;
    EXPECT_EQ(operation["responses"]["401"] && operation["responses"]["403"],
              route.access != Route::Access::open)
        << name;
    EXPECT_EQ(operation["x-access"].as<std::string>(), route.access == Route::Access::open   ? "open"
                                                       : route.access == Route::Access::read ? "read"
                                                                                             : "write")
        << name;
  }
}

TEST_F(OpenApi, ParametersInPathsAreDeclared) {
  for (const auto& [name, operation] : operations()) {
    std::set<std::string> wanted, declared;
    for (std::size_t at = name.find('{'); at != name.npos; at = name.find('{', at + 1))
      wanted.insert(name.substr(at + 1, name.find('}', at) - at - 1));
    for (const auto& one : operation["parameters"]) {
      const YAML::Node parameter = resolved(one);
      if (parameter["in"].as<std::string>() == "path") declared.insert(parameter["name"].as<std::string>());
    }
    EXPECT_EQ(declared, wanted) << name;
  }
}

TEST_F(OpenApi, TheParametersOfFindingsAreThoseThatTheServerTakes) {
  FakeApi api;
  Request request;
  request.method = "GET";
  request.may_read = true;
  std::set<std::string> names;
  for (const auto& one : operations().at("GET /api/v1/findings")["parameters"]) {
    const YAML::Node parameter = resolved(one);
    const auto name = parameter["name"].as<std::string>();
    names.insert(name);
    const std::string target = "/api/v1/findings?" + name + "=" + parameter["example"].as<std::string>();
    request.target = parse_target(target).value();
    EXPECT_EQ(answer(api, find_route(request), request).status, 200u) << target;
  }
  EXPECT_EQ(names, (std::set<std::string>{"guest", "limit", "policy", "severity", "state", "suppressed"}));
}

TEST_F(OpenApi, EveryReferenceLeadsSomewhere) {
  const std::function<void(const YAML::Node&)> visit = [&](const YAML::Node& node) {
    if (node.IsMap() && node["$ref"]) {
      EXPECT_NO_THROW(resolved(node));
    }
    if (node.IsMap())
      for (const auto& entry : node) visit(entry.second);
    if (node.IsSequence())
      for (const auto& entry : node) visit(entry);
  };
  visit(document_);
}

}  // namespace
}  // namespace ringside::agent::http
