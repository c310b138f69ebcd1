// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

namespace ringside::lab {
namespace {

/// Whether /dev/kvm makes virtual machines here; the reason if not.
Result<void> probe() {
  const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0) return fail(Errc::unavailable, std::string("/dev/kvm: ") + std::strerror(errno));
  const int machine = ioctl(kvm, KVM_CREATE_VM, 0);
  const int error = errno;
  close(kvm);
  if (machine < 0) return fail(Errc::unavailable, std::string("KVM_CREATE_VM: ") + std::strerror(error));
  close(machine);
  return {};
}

/// True once the kernel runs in its own address space: IDT in the CPU entry area, which Linux maps after
/// paging is final (arch/x86/include/asm/pgtable_64_types.h, CPU_ENTRY_AREA_BASE).
bool in_final_address_space(RawQmp& qmp) {
  return qmp.hmp("info registers").find("IDT=     fffffe0000000000") != std::string::npos;
}

}  // namespace

Result<std::unique_ptr<Guest>> boot_under_kvm(Ram ram) {
  RINGSIDE_CHECK(probe());
  RINGSIDE_TRY(const std::string vmlinuz, lab_script({"fetch-kernel", "amd64-cloud"}));
  const TemporaryFolder folder;
  // Uncompressed, started by its PVH entry: the emulator is too slow for the decompressor.
  RINGSIDE_CHECK(lab_script({"extract-vmlinux", vmlinuz, folder.file("vmlinux")}));
  Options options;
  options.kernel_file = folder.file("vmlinux");
  options.accel = "kvm";
  // What KVM's emulator cannot do is taken out of the CPU model: cmpxchg16b, xrstor.
  options.cpu = "qemu64,-cx16,-xsave";
  options.append = "earlyprintk=serial,ttyS0,115200 nokaslr";
  options.ram = ram;
  options.wait_ready = false;
  Result<std::unique_ptr<Guest>> guest = Guest::boot(options);
  if (!guest) return fail(Errc::unavailable, "no guest under KVM: " + guest.error().message);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(240);
  while (std::chrono::steady_clock::now() < end) {
    const std::string status = (*guest)->qmp().status();
    if (status != "running")
      return fail(Errc::unavailable,
                  "KVM here stops a Linux kernel early: run state " + status + "; " + (*guest)->log());
    if (in_final_address_space((*guest)->qmp())) return guest;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return fail(Errc::unavailable,
              "KVM here does not bring a Linux kernel into its final address space in 240 s");
}

}  // namespace ringside::lab
