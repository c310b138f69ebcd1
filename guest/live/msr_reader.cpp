// SPDX-License-Identifier: Apache-2.0
#include "guest/live/msr_reader.h"

#include "guest/live/calibration_store.h"
#include "guest/live/device_state.h"
#include "guest/live/elf_build_id.h"
#include "guest/live/msr_calibration.h"
#include "guest/live/qemu_heap.h"
#include "guest/live/qemu_process.h"

#include <fmt/format.h>

#include <chrono>

namespace ringside::guest::live {

namespace {

using Clock = std::chrono::steady_clock;
using Cpus = std::vector<x86::CpuState>;
/// After a search or calibration that failed, automatic reads use the device state for this long.
constexpr auto kTryAgainAfter = std::chrono::seconds(30);

/// Whether two readings are of the same machine; what tasks change is not compared.
Result<void> check_agree(const Cpus& saved, const Cpus& cpus) {
  if (saved.size() != cpus.size())
    return fail(Errc::mismatch, "the device state holds another number of vCPUs");
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const x86::CpuState &a = saved[i], &b = cpus[i];
    if (a.index != b.index || a.gdt != b.gdt || a.idt != b.idt || a.efer != b.efer)
      return fail(Errc::mismatch,
                  fmt::format("the device state and info registers disagree about vCPU {}", b.index));
  }
  return {};
}

}  // namespace

struct MsrReader::Impl {
  MsrContext context;
  DeviceState device_state;
  CalibrationStore store;
  std::optional<QemuHeap> heap{};
  unsigned long long qemu_start = 0;
  std::string build_id{};
  std::optional<MsrLayout> layout{};
  std::vector<std::uint64_t> views{};
  std::optional<Clock::time_point> try_again_at{};
  std::string failed_because{};

  explicit Impl(MsrContext c)
      : context(std::move(c)), device_state(context.monitor), store(context.state_directory) {}

  Result<void> fill_from_vmstate(Cpus& cpus);
  Result<void> fill_calibrated(Cpus& cpus);
  Result<void> fill_calibrated_or_wait(Cpus& cpus);
  Result<void> open_heap();
  Result<void> find_views(const Cpus& cpus);
  Result<void> calibrate();
  Result<void> extract(Cpus& cpus);
};

Result<void> MsrReader::Impl::fill_from_vmstate(Cpus& cpus) {
  RINGSIDE_TRY(const Cpus saved, device_state.read_cpus(cpus));
  RINGSIDE_CHECK(check_agree(saved, cpus));
  for (std::size_t i = 0; i < cpus.size(); ++i) cpus[i].msrs = saved[i].msrs;
  return {};
}

Result<void> MsrReader::Impl::open_heap() {
  if (heap) return {};
  if (!context.qemu) return fail(Errc::unavailable, "QEMU's process is out of sight");
  const auto start = process_start(*context.qemu);
  if (!start) return fail(Errc::gone, "QEMU has ended");
  RINGSIDE_TRY(heap, QemuHeap::open(*context.qemu));
  qemu_start = *start;
  build_id = build_id_of(*context.qemu).value_or("");
  if (!build_id.empty()) layout = store.layout(build_id);
  views = store.addresses(*context.qemu, qemu_start);
  return {};
}

Result<void> MsrReader::Impl::find_views(const Cpus& cpus) {
  views.clear();
  for (const x86::CpuState& cpu : cpus)
    if (cpu.gdt.base.value == 0 || cpu.idt.base.value == 0)
      return fail(Errc::unavailable,
                  fmt::format("vCPU {} has no descriptor tables yet to be found by", cpu.index));
  std::vector<std::vector<std::uint64_t>> matches(cpus.size());
  const x86::Emulator emulator = device_state.emulator();
  RINGSIDE_CHECK(heap->visit(context.map, kFingerprintSize, [&](std::uint64_t address, ByteView bytes) {
    find_cpu_views(bytes, address, cpus, emulator, matches);
  }));
  RINGSIDE_TRY(views, unambiguous(matches));
  store.keep_addresses(*context.qemu, qemu_start, views);
  return {};
}

/// The guest stands still, so that the device state and QEMU's memory hold the same values.
Result<void> MsrReader::Impl::calibrate() {
  RINGSIDE_TRY(const auto window, context.freeze());
  RINGSIDE_TRY(const Cpus cpus, context.read_registers());
  RINGSIDE_TRY(const Cpus saved, device_state.read_cpus(cpus));
  RINGSIDE_CHECK(check_agree(saved, cpus));
  if (views.size() != cpus.size()) return fail(Errc::mismatch, "the number of vCPUs has changed");
  std::vector<Bytes> bytes;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    // What stands behind the structure may be unmapped, so less than a whole view will do.
    Bytes view;
    for (std::size_t size = kViewSize; size >= kPageSize; size /= 2) {
      view.resize(size);
      if (heap->read(views[i], view)) break;
      view.clear();
    }
    if (!holds_cpu(view, cpus[i], device_state.emulator()))
      return fail(Errc::mismatch, fmt::format("vCPU {} is no longer where it was found", cpus[i].index));
    bytes.push_back(std::move(view));
  }
  RINGSIDE_TRY(layout, learn_layout(bytes, saved, device_state.emulator()));
  if (!build_id.empty()) store.keep_layout(build_id, *layout);
  return {};
}

Result<void> MsrReader::Impl::extract(Cpus& cpus) {
  if (views.size() != cpus.size()) return fail(Errc::mismatch, "the number of vCPUs has changed");
  Bytes view(layout->msrs + kMsrsSize);
  std::vector<x86::Msrs> all;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    RINGSIDE_CHECK(heap->read(views[i], view));
    RINGSIDE_TRY(const x86::Msrs msrs, extract_msrs(view, *layout, cpus[i], device_state.emulator()));
    all.push_back(msrs);
  }
  for (std::size_t i = 0; i < cpus.size(); ++i) cpus[i].msrs = all[i];
  return {};
}

Result<void> MsrReader::Impl::fill_calibrated(Cpus& cpus) {
  RINGSIDE_CHECK(open_heap());
  const bool remembered = !views.empty();
  if (!remembered) RINGSIDE_CHECK(find_views(cpus));
  if (!layout) {
    RINGSIDE_CHECK(calibrate());
    RINGSIDE_TRY(cpus, context.read_registers());
  }
  auto filled = extract(cpus);
  if (filled) return filled;
  // Once more: the guest may have loaded a register between the two looks.
  RINGSIDE_TRY(cpus, context.read_registers());
  filled = extract(cpus);
  if (filled || filled.error().code == Errc::gone || filled.error().code == Errc::permission) return filled;
  // Or the vCPUs stand elsewhere than remembered, after hot-plug for example.
  RINGSIDE_CHECK(find_views(cpus));
  RINGSIDE_TRY(cpus, context.read_registers());
  return extract(cpus);
}

/// A search costs tens of milliseconds and a calibration stops the guest: not at every read if they fail.
Result<void> MsrReader::Impl::fill_calibrated_or_wait(Cpus& cpus) {
  if (try_again_at && Clock::now() < *try_again_at) return fail(Errc::unavailable, failed_because);
  auto filled = fill_calibrated(cpus);
  try_again_at.reset();
  if (!filled) {
    try_again_at = Clock::now() + kTryAgainAfter;
    failed_because = filled.error().message;
  }
  return filled;
}

MsrReader::MsrReader(MsrContext context) : impl_(new Impl(std::move(context))) {}
MsrReader::~MsrReader() = default;

Result<void> MsrReader::fill(Cpus& cpus, MsrSource source) {
  const auto leave_unknown = [&cpus](const std::string& why) {
    for (x86::CpuState& cpu : cpus) cpu.msrs_unknown = why;
    return Result<void>{};
  };
  switch (source) {
    case MsrSource::none:
      return leave_unknown("MSRs were not asked for");
    case MsrSource::vmstate:
      return impl_->fill_from_vmstate(cpus);
    case MsrSource::calibrated:
      return impl_->fill_calibrated(cpus);
    case MsrSource::automatic:
      break;
  }
  const auto calibrated = impl_->fill_calibrated_or_wait(cpus);
  if (calibrated) return {};
  const auto saved = impl_->fill_from_vmstate(cpus);
  if (saved) return {};
  return leave_unknown(fmt::format("{}; {}", calibrated.error().message, saved.error().message));
}

}  // namespace ringside::guest::live
