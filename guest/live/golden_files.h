// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/golden_store.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ringside::guest::live {

/// The GoldenStore on disk, below the state directory: golden/kernels/BUILDID_RELEASE,
/// golden/types/BUILDID_RELEASE and golden/modules/RELEASE/NAME_ID, each packed with zstd. ID is the build
/// id, or the srcversion of a module without one. Nothing is read until it is asked for; what was read stays
/// in memory, up to a bound.
class GoldenFiles final : public linux::GoldenStore {
 public:
  explicit GoldenFiles(const std::string& state_directory);

  Result<std::shared_ptr<const linux::GoldenKernel>> kernel(const linux::GoldenKernelKey& key) override;
  Result<std::shared_ptr<const linux::GoldenModule>> module(const linux::GoldenModuleKey& key) override;
  Result<std::shared_ptr<const linux::KernelDebug>> debug(const linux::GoldenKernelKey& key) override;
  std::uint64_t revision() override;

  enum class Kind : std::uint8_t { module, kernel, types };
  struct Entry {
    Kind kind = Kind::module;
    std::string id, release;
    std::string name;         ///< of a module
    std::uint64_t bytes = 0;  ///< on disk
    std::string path;
  };
  /// Keeps a file: a kernel or a module, decompressed. It is replaced if it is there. Errors: as parsing it,
  /// `io`, `permission`.
  Result<Entry> add_kernel(ByteView payload);
  Result<Entry> add_module(Bytes file);
  /// Keeps types and variables of a vmlinux, see KernelDebug::pack().
  Result<Entry> add_types(ByteView vmlinux);
  /// What is kept, by release and name.
  std::vector<Entry> list() const;
  /// Removes the kernel, its types or the module `id`, and with the last kernel of a release all of its
  /// modules. Returns how many files that were; `not_found` if there is none.
  Result<std::size_t> remove(const std::string& id);

 private:
  std::string directory(Kind kind, const std::string& release = {}) const;
  Result<Entry> keep(Entry entry, ByteView bytes);

  /// What is there of a release, by name of the module.
  struct Release {
    std::filesystem::file_time_type changed;
    std::multimap<std::string, Entry> modules;
  };
  const Release& release(const std::string& name);
  Result<std::shared_ptr<const linux::GoldenModule>> read_module(const Entry& entry);

  std::string root_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const linux::GoldenKernel>> kernels_;
  std::map<std::string, std::shared_ptr<const linux::KernelDebug>> types_;
  std::map<std::string, Release> releases_;
  std::map<std::string, std::shared_ptr<const linux::GoldenModule>> modules_;  ///< by path
  std::size_t module_bytes_ = 0;                                               ///< of modules_
};

}  // namespace ringside::guest::live
