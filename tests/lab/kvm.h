// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/lab/guest.h"

#include <memory>

namespace ringside::lab {

/// A Debian kernel under KVM, in its final address space: interrupts and descriptor tables set up, KASLR off.
/// Where KVM has to emulate guest kernel code (nested hosts without svm or vmx), it lives for about a minute
/// and ends in the run state `internal-error`; there is no shell. `unavailable` where /dev/kvm cannot run it.
Result<std::unique_ptr<Guest>> boot_under_kvm(Ram ram = Ram::memfd);

}  // namespace ringside::lab
