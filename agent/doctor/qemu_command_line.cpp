// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/qemu_command_line.h"

#include <map>

namespace ringside::agent::doctor {

namespace {

/// "socket,id=x,path=/a" split at single commas; two stand for one in a value (QEMU util/qemu-option.c).
std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      parts.back() += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      parts.back() += ',';
      ++i;
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

/// The value of `key`; of `first` if the first option stands without a key.
std::string value_of(const std::vector<std::string>& options, std::string_view key, bool first = false) {
  if (first && !options.empty() && options[0].find('=') == std::string::npos) return options[0];
  for (const std::string& option : options)
    if (option.size() > key.size() && option.starts_with(key) && option[key.size()] == '=')
      return option.substr(key.size() + 1);
  return {};
}

std::string unix_path(std::string_view option) {
  const std::string where = split_options(option)[0];
  return where.starts_with("unix:") ? where.substr(5) : std::string();
}

}  // namespace

bool is_qemu(std::string_view program) {
  if (const std::size_t slash = program.rfind('/'); slash != std::string_view::npos)
    program.remove_prefix(slash + 1);
  return program.starts_with("qemu-system-") || program == "qemu-kvm" || program == "kvm";
}

QemuCommandLine read_command_line(const std::vector<std::string>& arguments) {
  QemuCommandLine read;
  std::map<std::string, std::string> chardevs;  // by id
  std::vector<std::string> control;             // chardevs of QMP monitors
  for (std::size_t i = 1; i + 1 < arguments.size(); ++i) {
    std::string_view option = arguments[i];
    if (!option.starts_with('-')) continue;
    option.remove_prefix(option.starts_with("--") ? 2 : 1);
    const std::string& value = arguments[i + 1];
    if (option == "name") {
      const auto parts = split_options(value);
      read.name = value_of(parts, "guest");
      if (read.name.empty()) read.name = value_of(parts, "guest", true);
    } else if (option == "uuid") {
      read.uuid = value;
    } else if (option == "qmp" || option == "qmp-pretty") {
      if (const std::string path = unix_path(value); !path.empty()) read.monitors.push_back(path);
    } else if (option == "chardev") {
      const auto parts = split_options(value);
      if (const std::string path = value_of(parts, "path"); parts[0] == "socket" && !path.empty())
        chardevs[value_of(parts, "id")] = path;
    } else if (option == "mon") {
      const auto parts = split_options(value);
      if (value_of(parts, "mode") == "control") control.push_back(value_of(parts, "chardev", true));
    }
  }
  for (const std::string& id : control)
    if (const auto chardev = chardevs.find(id); chardev != chardevs.end())
      read.monitors.push_back(chardev->second);
  return read;
}

}  // namespace ringside::agent::doctor
