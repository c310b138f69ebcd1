// SPDX-License-Identifier: Apache-2.0
#include "guest/snapshot_metadata.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace ringside::guest {

namespace {

using Json = nlohmann::json;
using memory::MemoryRange;
using x86::CpuState;
using x86::Msrs;

constexpr std::size_t kMaxRanges = 1u << 16;
constexpr std::size_t kMaxCpus = 4096;

// Each list of fields stands once, for both directions: `visit(name, member)`.
template <class Info, class Visit>
void info_fields(Info& info, Visit visit) {
  visit("target", info.target);
  visit("name", info.name);
  visit("uuid", info.uuid);
  visit("qemu_version", info.qemu_version);
  visit("accelerator", info.accelerator);
  visit("status", info.status);
  visit("backend", info.backend);
}

template <class Range, class Visit>
void range_fields(Range& range, Visit visit) {
  visit("start", range.start.value);
  visit("size", range.size);
  visit("block", range.block);
  visit("block_offset", range.block_offset);
  visit("hva", range.hva.value);
}

template <class Cpu, class Visit>
void cpu_fields(Cpu& cpu, Visit visit) {
  visit("index", cpu.index);
  visit("gpr", cpu.gpr);
  visit("rip", cpu.rip);
  visit("rflags", cpu.rflags);
  visit("cpl", cpu.cpl);
  visit("halted", cpu.halted);
  visit("cr0", cpu.cr0);
  visit("cr2", cpu.cr2);
  visit("cr3", cpu.cr3);
  visit("cr4", cpu.cr4);
  visit("efer", cpu.efer);
  visit("dr", cpu.dr);
  visit("msrs_unknown", cpu.msrs_unknown);
}

template <class Cpu, class Visit>
void segments(Cpu& cpu, Visit visit) {
  visit("es", cpu.es);
  visit("cs", cpu.cs);
  visit("ss", cpu.ss);
  visit("ds", cpu.ds);
  visit("fs", cpu.fs);
  visit("gs", cpu.gs);
  visit("ldt", cpu.ldt);
  visit("tr", cpu.tr);
}

template <class Segment, class Visit>
void segment_fields(Segment& segment, Visit visit) {
  visit("selector", segment.selector);
  visit("base", segment.base);
  visit("limit", segment.limit);
  visit("flags", segment.flags);
}

template <class Table, class Visit>
void table_fields(Table& table, Visit visit) {
  visit("base", table.base.value);
  visit("limit", table.limit);
}

template <class M, class Visit>
void msr_fields(M& msrs, Visit visit) {
  visit("star", msrs.star);
  visit("lstar", msrs.lstar);
  visit("cstar", msrs.cstar);
  visit("sfmask", msrs.sfmask);
  visit("sysenter_cs", msrs.sysenter_cs);
  visit("sysenter_esp", msrs.sysenter_esp);
  visit("sysenter_eip", msrs.sysenter_eip);
  visit("kernel_gs_base", msrs.kernel_gs_base);
}

/// Sets `json[name]` of every field.
auto writer(Json& json) {
  return [&json](const char* name, const auto& value) { json[name] = value; };
}

/// An unsigned number that fits; throws otherwise, where nlohmann::json would cut it.
template <class T>
void read_number(const char* name, const Json& field, T& value) {
  if (!field.is_number_unsigned() || field.get<std::uint64_t>() > std::numeric_limits<T>::max())
    throw std::out_of_range(std::string(name) + " is no number, or out of range");
  value = field.get<T>();
}

/// Reads every field from `json`; throws where one is missing or has another type.
auto reader(const Json& json) {
  return [&json](const char* name, auto& value) {
    using T = std::remove_reference_t<decltype(value)>;
    const Json& field = json.at(name);
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string>) {
      field.get_to(value);
    } else if constexpr (std::is_integral_v<T>) {
      read_number(name, field, value);
    } else {  // an array of numbers
      if (!field.is_array() || field.size() != value.size())
        throw std::out_of_range(std::string(name) + " has the wrong length");
      for (std::size_t i = 0; i < value.size(); ++i) read_number(name, field[i], value[i]);
    }
  };
}

Json to_json(const CpuState& cpu) {
  Json json;
  cpu_fields(cpu, writer(json));
  segments(cpu,
           [&json](const char* name, const auto& segment) { segment_fields(segment, writer(json[name])); });
  table_fields(cpu.gdt, writer(json["gdt"]));
  table_fields(cpu.idt, writer(json["idt"]));
  if (cpu.msrs) msr_fields(*cpu.msrs, writer(json["msrs"]));
  return json;
}

CpuState cpu_from(const Json& json) {
  CpuState cpu;
  cpu_fields(cpu, reader(json));
  segments(cpu, [&json](const char* name, auto& segment) { segment_fields(segment, reader(json.at(name))); });
  table_fields(cpu.gdt, reader(json.at("gdt")));
  table_fields(cpu.idt, reader(json.at("idt")));
  if (json.contains("msrs")) msr_fields(cpu.msrs.emplace(), reader(json.at("msrs")));
  return cpu;
}

Json to_json(const MemoryRange& range) {
  Json json;
  range_fields(range, writer(json));
  json["kind"] = range.kind == MemoryRange::Kind::ram ? "ram" : "rom";
  return json;
}

MemoryRange range_from(const Json& json) {
  MemoryRange range;
  range_fields(range, reader(json));
  const auto kind = json.at("kind").get<std::string>();
  if (kind != "ram" && kind != "rom") throw std::out_of_range("memory of kind \"" + kind + "\"");
  range.kind = kind == "ram" ? MemoryRange::Kind::ram : MemoryRange::Kind::rom;
  return range;
}

Result<SnapshotMetadata> metadata_from(const Json& json) {
  SnapshotMetadata metadata;
  const Json& info = json.at("info");
  info_fields(metadata.info, reader(info));
  const Json& taken = info.at("taken_us");
  if (!taken.is_number_integer()) throw std::out_of_range("taken_us is no number");
  metadata.info.taken =
      std::chrono::sys_time<std::chrono::microseconds>(std::chrono::microseconds(taken.get<std::int64_t>()));
  const Json& map = json.at("map");
  const Json& cpus = json.at("cpus");
  if (!map.is_array() || map.size() > kMaxRanges || !cpus.is_array() || cpus.size() > kMaxCpus)
    return fail(Errc::malformed, "memory map or vCPUs are no lists, or too long");
  std::vector<MemoryRange> ranges;
  for (const Json& range : map) ranges.push_back(range_from(range));
  RINGSIDE_TRY(metadata.map, memory::MemoryMap::create(std::move(ranges)));
  for (const Json& cpu : cpus) metadata.cpus.push_back(cpu_from(cpu));
  return metadata;
}

}  // namespace

std::string write_metadata(const SnapshotMetadata& metadata) {
  Json json;
  info_fields(metadata.info, writer(json["info"]));
  json["info"]["taken_us"] = metadata.info.taken.time_since_epoch().count();
  json["map"] = Json::array();
  for (const MemoryRange& range : metadata.map.ranges()) json["map"].push_back(to_json(range));
  json["cpus"] = Json::array();
  for (const CpuState& cpu : metadata.cpus) json["cpus"].push_back(to_json(cpu));
  // A guest's name may hold any bytes; what is no UTF-8 is replaced.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<SnapshotMetadata> parse_metadata(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(Errc::malformed, "the snapshot's description is no JSON");
  try {
    return metadata_from(json);
  } catch (const std::exception& error) {  // of nlohmann::json: a key is missing, a type is wrong
    return fail(Errc::malformed, std::string("the snapshot's description is broken: ") + error.what());
  }
}

}  // namespace ringside::guest
