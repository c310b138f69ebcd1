// SPDX-License-Identifier: Apache-2.0
// Vendors' files are parsed with bounds too: somebody may have handed over something else.
#include "guest/linux/golden/boot_image.h"
#include "guest/linux/golden/kernel_debug.h"
#include "guest/linux/golden/kernel_file.h"
#include "guest/linux/golden/module_file.h"

#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace linux = ringside::guest::linux;
  const auto file = std::as_bytes(std::span(data, size));
  // What is packed is the library's to unpack, and may be large.
  if (size < 1u << 16)
    if (const auto payload = linux::boot_image_payload(file);
        payload && payload->size() > linux::kMaxKernelBytes)
      std::abort();
  (void)linux::KernelRelocations::parse(file, 64, 0xffffffff81000000, 1u << 30);
  (void)linux::KernelRelocations::parse(file, 32, 0xc1000000, 1u << 30);
  if (const auto kernel = linux::GoldenKernel::parse(file)) {
    const auto& text = (*kernel)->text();
    ringside::Bytes bytes(text.bytes.size());
    if (!(*kernel)->read(text.first, bytes, 0x200000)) std::abort();
    if ((*kernel)->read(text.end(), std::span(bytes).first(1), 0)) std::abort();
    for (const auto& place : (*kernel)->places().places())
      if ((*kernel)->places().at(place.first) == nullptr) std::abort();
  }
  if (const auto elf = linux::ElfFile::parse(file))
    if (auto packed = linux::KernelDebug::pack(*elf))
      if (const auto debug = linux::KernelDebug::parse(std::move(*packed)))
        for (std::size_t i = 0; i < (*debug)->symbols()->size(); ++i) (void)(*debug)->symbols()->symbol(i);
  (void)linux::KernelDebug::parse({file.begin(), file.end()});
  if (const auto module = linux::GoldenModule::parse({file.begin(), file.end()})) {
    const auto& elf = (*module)->elf();
    (void)elf.symbols();
    for (const auto& section : elf.sections()) (void)elf.relocations(section);
  }
  return 0;
}
