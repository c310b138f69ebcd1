// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/boot_forms.h"
#include "guest/linux/golden/kernel_file.h"
#include "guest/linux/golden/vendor_sites.h"
#include "guest/linux/text/text_reference.h"

#include <memory>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// A running kernel's text and read-only data as the vendor shipped them. What is read-only only after boot
/// is left out, where the kernel tells which it is; else all of .rodata proper is.
class GoldenKernelReference final : public TextReference {
 public:
  /// `kernel` must outlive this. Errors: `mismatch` if `golden` is not this kernel, `unavailable` if it does
  /// not tell what KASLR moved.
  static Result<std::shared_ptr<GoldenKernelReference>> create(Kernel& kernel,
                                                               std::shared_ptr<const GoldenKernel> golden);

  std::string_view source() const override { return "golden"; }
  std::vector<Range> ranges() const override;
  Result<Bytes> bytes(Gva first, std::size_t size) const override;
  std::unique_ptr<TextExplainer> explainer(Gva first, ByteView expected, ByteView actual) const override;
  bool has_site(const PatchSite& site, ByteView expected) const override;

  Range text() const { return text_; }
  const std::vector<Range>& rodata() const { return rodata_; }
  /// Why a part of read-only data cannot be compared; nullopt: it can.
  const std::optional<Error>& problem() const { return problem_; }

 private:
  GoldenKernelReference(Kernel& kernel, std::shared_ptr<const GoldenKernel> golden, std::uint64_t slide);
  void take_rodata();
  void take_sites();

  Kernel& kernel_;
  std::shared_ptr<const GoldenKernel> golden_;
  std::uint64_t slide_;
  Range text_;
  std::vector<Range> rodata_;
  std::optional<Error> problem_;
  VendorSites sites_;
  std::optional<std::uint64_t> fentry_;
};

/// What the vendor shipped for the kernel that runs, from the GoldenStore that is kept with its snapshot;
/// once a snapshot. `not_found`: nothing was imported for it, with a hint.
Result<std::shared_ptr<GoldenKernelReference>> golden_reference(Kernel& kernel);

}  // namespace ringside::guest::linux
