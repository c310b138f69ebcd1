// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/kernel_text.h"
#include "guest/linux/text/text_reference.h"

#include <memory>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// Where references come from: the store of golden kernels, a baseline.
class TextReferenceSource {
 public:
  virtual ~TextReferenceSource() = default;
  /// As of its references: "golden" or "first-seen".
  virtual std::string_view name() const = 0;
  /// What it has for the kernel that runs in a snapshot, and for the modules that are loaded there. What it
  /// cannot speak of is left out of the reference's ranges(). Errors: nothing, in words for the user ("the
  /// baseline is of another boot"). What is read of the guest for it is noted in the read set.
  virtual Result<std::shared_ptr<const TextReference>> reference(Kernel& kernel) const = 0;
};

/// The sources that serve a snapshot, best first; kept with it (Snapshot::keep). None: none is known.
struct TextReferenceSources {
  std::vector<std::shared_ptr<const TextReferenceSource>> sources;

  /// Puts `source` behind those that `snapshot` has, in place of `before`; either may be nullptr.
  static void replace(Snapshot& snapshot, const std::shared_ptr<const TextReferenceSource>& before,
                      const std::shared_ptr<const TextReferenceSource>& source);
};

/// What code is compared with what: a piece of a region, and the best reference that speaks of it.
struct TextCoverage {
  Range range;
  std::uint32_t region = 0;                        ///< of KernelText::regions()
  std::shared_ptr<const TextReference> reference;  ///< nullptr: none
};

/// All code of a kernel and its modules, in order of region and address, divided by reference.
class TextReferences {
 public:
  /// Those of the vendor's files (GoldenStore) and of the sources that are kept with the snapshot of
  /// `kernel`.
  static TextReferences of(Kernel& kernel);
  /// What `sources` have for `kernel`, best first.
  TextReferences(Kernel& kernel, const std::vector<std::shared_ptr<const TextReferenceSource>>& sources);

  const std::vector<TextCoverage>& coverage() const { return coverage_; }
  /// Why sources that there are do not serve.
  const std::vector<std::string>& reasons() const { return reasons_; }
  /// What of the image (or of modules) nothing speaks of, in words, with what to do. Empty: all of it is
  /// covered.
  std::vector<Error> uncovered(const KernelText& text, bool of_modules) const;

 private:
  /// Why nobody speaks of the code at `gva`, by those who should.
  std::optional<Error> missing(Gva gva) const;
  void cover(std::uint32_t region, Range range, std::size_t reference);

  std::vector<std::shared_ptr<const TextReference>> references_;
  std::vector<std::vector<Range>> ranges_;  ///< of each reference
  std::vector<std::string> reasons_;
  bool baseline_ = false;  ///< there is one, whether it serves or not
  std::vector<TextCoverage> coverage_;
};

}  // namespace ringside::guest::linux
