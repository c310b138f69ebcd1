// SPDX-License-Identifier: Apache-2.0
#include "guest/live/msr_reader.h"

#include "guest/live/device_state.h"

#include <fmt/format.h>

namespace ringside::guest::live {

struct MsrReader::Impl {
  MsrContext context;

  Result<void> fill_from_vmstate(std::vector<x86::CpuState>& cpus);
};

Result<void> MsrReader::Impl::fill_from_vmstate(std::vector<x86::CpuState>& cpus) {
  RINGSIDE_TRY(const auto saved, read_vmstate_cpus(context.monitor, static_cast<unsigned>(cpus.size())));
  if (saved.size() != cpus.size())
    return fail(Errc::mismatch, "the device state holds another number of vCPUs");
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const x86::CpuState &a = saved[i], &b = cpus[i];
    if (a.index != b.index || a.gdt != b.gdt || a.idt != b.idt || a.efer != b.efer)
      return fail(Errc::mismatch,
                  fmt::format("vCPU {}: the device state and info registers disagree", b.index));
  }
  for (std::size_t i = 0; i < cpus.size(); ++i) cpus[i].msrs = saved[i].msrs;
  return {};
}

MsrReader::MsrReader(MsrContext context) : impl_(new Impl{std::move(context)}) {}
MsrReader::~MsrReader() = default;

Result<void> MsrReader::fill(std::vector<x86::CpuState>& cpus, MsrSource source) {
  const auto leave_unknown = [&cpus](const std::string& why) {
    for (x86::CpuState& cpu : cpus) cpu.msrs_unknown = why;
    return Result<void>{};
  };
  if (source == MsrSource::none) return leave_unknown("MSRs were not asked for");
  const auto filled = impl_->fill_from_vmstate(cpus);
  if (filled || source != MsrSource::automatic) return filled;
  return leave_unknown(filled.error().message);
}

}  // namespace ringside::guest::live
