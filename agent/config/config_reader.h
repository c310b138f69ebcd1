// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config/config.h"
#include "policies/engine/yaml_reader.h"

#include <string>
#include <string_view>

namespace ringside::agent {

/// Reads one document of configuration into a Config.
class ConfigReader {
 public:
  ConfigReader(policies::Diagnosis& diagnosis, Config& config) : diagnosis_(diagnosis), config_(config) {}
  void read(const YAML::Node& document);

 private:
  using Mapping = policies::Mapping;
  using Scalar = policies::Scalar;
  void guests(const YAML::Node& node);
  void label_rule(const YAML::Node& node);
  void control(const YAML::Node& node);
  void http(const YAML::Node& node);
  void policies_(const YAML::Node& node);
  void watching(const YAML::Node& node);
  void pauses(const YAML::Node& node);
  void actions(const YAML::Node& node);
  void action_rule(const YAML::Node& node);
  void keeping(const YAML::Node& node);
  void output(const YAML::Node& node);

  void tls(const YAML::Node& node, io::TlsOptions& into);
  void text(const Mapping& mapping, std::string_view key, std::string& into);
  void texts(const Mapping& mapping, std::string_view key, std::vector<std::string>& into);
  void duration(const Mapping& mapping, std::string_view key, std::chrono::milliseconds& into);
  /// A whole number from `least` to `most`.
  void number(const Mapping& mapping, std::string_view key, std::uint64_t least, std::uint64_t most,
              std::uint64_t& into);
  void number(const Mapping& mapping, std::string_view key, unsigned least, unsigned most, unsigned& into);
  /// "512MiB", "1GiB", or bytes.
  void size(const Mapping& mapping, std::string_view key, std::uint64_t& into);
  /// Calls `read` with each element of a list of mappings.
  void each(const Mapping& mapping, std::string_view key, void (ConfigReader::*part)(const YAML::Node&));
  void in(const Mapping& mapping, std::string_view key, void (ConfigReader::*part)(const YAML::Node&));

  policies::Diagnosis& diagnosis_;
  Config& config_;
};

}  // namespace ringside::agent
