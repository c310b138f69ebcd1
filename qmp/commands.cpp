// SPDX-License-Identifier: Apache-2.0
#include "qmp/commands.h"

#include <fmt/format.h>

#include <limits>

namespace ringside::qmp {

namespace {

/// Reads the members of one reply object; the first that is missing or of another type makes the whole
/// malformed.
class Reader {
 public:
  Reader(std::string_view command, const Json& object) : command_(command), object_(object) {
    if (!object.is_object()) spoil("is no object");
  }

  bool boolean(const char* key) {
    const Json* value = member(key);
    if (value != nullptr && value->is_boolean()) return value->get<bool>();
    spoil(fmt::format("has no boolean '{}'", key));
    return false;
  }

  std::string text(const char* key) {
    const Json* value = member(key);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    spoil(fmt::format("has no text '{}'", key));
    return {};
  }

  /// Empty where the member is absent.
  std::string optional_text(const char* key) { return member(key) == nullptr ? std::string() : text(key); }

  template <class T>
  T number(const char* key) {
    const Json* value = member(key);
    if (value != nullptr && value->is_number_unsigned()) {
      const auto wide = value->get<std::uint64_t>();
      if (wide <= static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return static_cast<T>(wide);
    }
    spoil(fmt::format("has no number '{}' of at most {}", key, std::numeric_limits<T>::max()));
    return 0;
  }

  Reader object(const char* key) {
    static const Json kNothing = Json::object();
    const Json* value = member(key);
    if (value != nullptr && value->is_object()) return {command_, *value};
    spoil(fmt::format("has no object '{}'", key));
    return {command_, kNothing};
  }

  /// The error of the first member that could not be read.
  const std::optional<Error>& error() const { return error_; }

  template <class T>
  Result<T> done(T value) const {
    if (error_) return fail(*error_);
    return value;
  }

 private:
  const Json* member(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  void spoil(std::string_view why) {
    if (!error_) error_ = Error{Errc::malformed, fmt::format("the reply to {} {}", command_, why), {}};
  }

  std::string_view command_;
  const Json& object_;
  std::optional<Error> error_;
};

/// A reply that is a list of objects.
template <class T>
Result<std::vector<T>> read_list(std::string_view command, const Json& reply, T (*read)(Reader&)) {
  if (!reply.is_array()) return fail(Errc::malformed, fmt::format("the reply to {} is no list", command));
  std::vector<T> list;
  for (const Json& element : reply) {
    Reader reader(command, element);
    list.push_back(read(reader));
    if (reader.error()) return fail(*reader.error());
  }
  return list;
}

Result<Nothing> ignore(const Json&) {
  return Nothing{};
}

Command<Nothing> plain(std::string_view name, Json arguments = Json::object()) {
  return {std::string(name), std::move(arguments), ignore};
}

}  // namespace

Command<RunStatus> query_status() {
  return {"query-status", Json::object(), [](const Json& reply) {
            Reader reader("query-status", reply);
            const bool running = reader.boolean("running");
            return reader.done(RunStatus{running, reader.text("status")});
          }};
}

Command<Version> query_version() {
  return {"query-version", Json::object(), [](const Json& reply) -> Result<Version> {
            Reader reader("query-version", reply);
            Reader qemu = reader.object("qemu");
            Version version{qemu.number<int>("major"), qemu.number<int>("minor"), qemu.number<int>("micro"),
                            reader.optional_text("package")};
            if (reader.error()) return fail(*reader.error());
            return qemu.done(std::move(version));
          }};
}

Command<std::vector<std::string>> query_commands() {
  return {"query-commands", Json::object(), [](const Json& reply) {
            return read_list<std::string>("query-commands", reply,
                                          [](Reader& reader) { return reader.text("name"); });
          }};
}

Command<std::vector<VcpuInfo>> query_cpus_fast() {
  return {"query-cpus-fast", Json::object(), [](const Json& reply) {
            return read_list<VcpuInfo>("query-cpus-fast", reply, [](Reader& reader) {
              return VcpuInfo{reader.number<unsigned>("cpu-index"), reader.text("qom-path"),
                              reader.number<pid_t>("thread-id")};
            });
          }};
}

Command<std::vector<MemoryBackend>> query_memdev() {
  return {"query-memdev", Json::object(), [](const Json& reply) {
            return read_list<MemoryBackend>("query-memdev", reply, [](Reader& reader) {
              return MemoryBackend{reader.optional_text("id"), reader.number<std::uint64_t>("size"),
                                   reader.boolean("share")};
            });
          }};
}

Command<std::string> query_name() {
  return {"query-name", Json::object(), [](const Json& reply) {
            Reader reader("query-name", reply);
            return reader.done(reader.optional_text("name"));
          }};
}

Command<std::string> query_uuid() {
  return {"query-uuid", Json::object(), [](const Json& reply) {
            Reader reader("query-uuid", reply);
            std::string uuid = reader.text("UUID");
            return reader.done(std::move(uuid));
          }};
}

Command<KvmInfo> query_kvm() {
  return {"query-kvm", Json::object(), [](const Json& reply) {
            Reader reader("query-kvm", reply);
            const bool present = reader.boolean("present");
            const bool enabled = reader.boolean("enabled");
            return reader.done(KvmInfo{present, enabled});
          }};
}

Command<std::string> query_target() {
  return {"query-target", Json::object(), [](const Json& reply) {
            Reader reader("query-target", reply);
            std::string arch = reader.text("arch");
            return reader.done(std::move(arch));
          }};
}

Command<std::vector<std::string>> qom_list_types(std::string_view path) {
  return {"qom-list", {{"path", path}}, [](const Json& reply) -> Result<std::vector<std::string>> {
            if (!reply.is_array()) return fail(Errc::malformed, "qom-list: the reply is no list");
            std::vector<std::string> types;
            for (const Json& property : reply)
              if (const auto type = property.find("type"); type != property.end() && type->is_string())
                types.push_back(*type);
            return types;
          }};
}

Command<Json> qom_get(std::string_view path, std::string_view property) {
  return {"qom-get", {{"path", path}, {"property", property}}, [](const Json& reply) -> Result<Json> {
            return reply;
          }};
}

Command<Nothing> stop() {
  return plain("stop");
}
Command<Nothing> cont() {
  return plain("cont");
}

Command<Nothing> pmemsave(std::uint64_t gpa, std::uint64_t size, std::string_view filename) {
  return plain("pmemsave", {{"val", gpa}, {"size", size}, {"filename", filename}});
}

Command<std::string> human_monitor_command(std::string_view line, std::optional<unsigned> cpu) {
  Json arguments{{"command-line", line}};
  if (cpu) arguments["cpu-index"] = *cpu;
  return {"human-monitor-command", std::move(arguments), [](const Json& reply) -> Result<std::string> {
            if (!reply.is_string())
              return fail(Errc::malformed, "the reply to human-monitor-command is no text");
            return reply.get<std::string>();
          }};
}

Command<Nothing> xen_save_devices_state(std::string_view filename) {
  return plain("xen-save-devices-state", {{"filename", filename}, {"live", false}});
}

Command<FdSet> add_fd(std::string_view opaque) {
  return {"add-fd", {{"opaque", opaque}}, [](const Json& reply) {
            Reader reader("add-fd", reply);
            const int set = reader.number<int>("fdset-id");
            const int descriptor = reader.number<int>("fd");
            return reader.done(FdSet{set, descriptor});
          }};
}

Command<Nothing> remove_fd(int fdset_id) {
  return plain("remove-fd", {{"fdset-id", fdset_id}});
}
Command<Nothing> getfd(std::string_view name) {
  return plain("getfd", {{"fdname", name}});
}
Command<Nothing> closefd(std::string_view name) {
  return plain("closefd", {{"fdname", name}});
}

}  // namespace ringside::qmp
