// SPDX-License-Identifier: Apache-2.0
#include "guest/live/golden_files.h"

#include "guest/atomic_file.h"
#include "guest/linux/golden/boot_image.h"
#include "guest/linux/golden/decompress.h"
#include "guest/linux/golden/elf_file.h"

#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <tuple>

namespace ringside::guest::live {

namespace {

namespace fs = std::filesystem;
constexpr int kLevel = 3;
/// Kernels that are kept in memory; each is some 30 MB.
constexpr std::size_t kMaxKernels = 8;
/// Releases whose lists of modules are; a guest can say that it runs any.
constexpr std::size_t kMaxReleases = 64;
/// Bytes of modules that are; a guest has some 10 to 30 MB loaded.
constexpr std::size_t kMaxModuleBytes = std::size_t{128} << 20;

/// Names come out of files: what could leave the directory, or be taken for a separator, does not stay.
std::string safe(std::string text) {
  for (char& c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '+' || c == '~' || c == '-' || c == '_';
    if (!plain) c = '-';
  }
  if (text.empty() || text.front() == '.') text.insert(text.begin(), '-');
  return text.substr(0, 128);
}

Result<Bytes> pack(ByteView bytes) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (!context) return fail(Errc::io, "cannot compress: out of memory");
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  Bytes out(ZSTD_compressBound(bytes.size()));
  const std::size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0)
    return fail(Errc::io, std::string("cannot compress: ") + ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

Result<Bytes> unpack(const std::string& path, std::size_t most) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::io, "cannot read " + path);
  const std::string packed{std::istreambuf_iterator<char>(file), {}};
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > most)
    return fail(Errc::malformed, path + " is damaged: import the file again");
  Bytes out(size);
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) != 0 || got != out.size())
    return fail(Errc::malformed, path + " is damaged: import the file again");
  return out;
}

/// "ID_RELEASE" of a kernel and of its types, "NAME_ID" of a module.
std::optional<GoldenFiles::Entry> entry_of(const fs::directory_entry& file, GoldenFiles::Kind kind,
                                           const std::string& release) {
  const bool module = kind == GoldenFiles::Kind::module;
  const std::string name = file.path().filename().string();
  const auto at = module ? name.rfind('_') : name.find('_');
  std::error_code error;
  if (at == std::string::npos || !file.is_regular_file(error)) return std::nullopt;
  GoldenFiles::Entry entry;
  entry.kind = kind;
  entry.id = module ? name.substr(at + 1) : name.substr(0, at);
  entry.release = module ? release : name.substr(at + 1);
  if (module) entry.name = name.substr(0, at);
  entry.bytes = file.file_size(error);
  entry.path = file.path().string();
  return entry;
}

template <class Take>
void each_file(const std::string& directory, Take&& take) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) take(*it);
}

}  // namespace

GoldenFiles::GoldenFiles(const std::string& state_directory)
    : root_((fs::path(state_directory) / "golden").string()) {}

std::string GoldenFiles::directory(Kind kind, const std::string& release) const {
  fs::path path = fs::path(root_) / (kind == Kind::kernel  ? "kernels"
                                     : kind == Kind::types ? "types"
                                                           : "modules");
  if (kind == Kind::module && !release.empty()) path /= safe(release);
  return path.string();
}

Result<std::shared_ptr<const linux::GoldenKernel>> GoldenFiles::kernel(const linux::GoldenKernelKey& key) {
  const std::lock_guard lock(mutex_);
  if (const auto held = kernels_.find(key.build_id); held != kernels_.end()) return held->second;
  std::optional<Entry> found, sibling;
  each_file(directory(Kind::kernel), [&](const auto& file) {
    auto entry = entry_of(file, Kind::kernel, {});
    if (entry && entry->id == key.build_id) found = entry;
    if (entry && entry->release == safe(key.release)) sibling = std::move(entry);
  });
  const std::string id = key.build_id.empty() ? "without a build id" : "of build id " + key.build_id;
  if (!found && sibling)
    return fail(Errc::mismatch, "the kernel is one " + id + ", but the vendor's " + key.release +
                                    " that was imported is " + sibling->id);
  if (!found)
    return fail(Errc::not_found, "no vendor's kernel " + id + " was imported (ringside golden import)",
                "ringside golden import FILE takes a vmlinuz or a linux-image package");
  RINGSIDE_TRY(const Bytes payload, unpack(found->path, linux::kMaxKernelBytes));
  RINGSIDE_TRY(auto kernel, linux::GoldenKernel::parse(payload));
  if (kernel->build_id() != key.build_id)
    return fail(Errc::malformed, found->path + " is damaged: import the file again");
  if (kernels_.size() >= kMaxKernels) kernels_.clear();
  kernels_[key.build_id] = kernel;
  return kernel;
}

Result<std::shared_ptr<const linux::KernelDebug>> GoldenFiles::debug(const linux::GoldenKernelKey& key) {
  const std::lock_guard lock(mutex_);
  if (const auto held = types_.find(key.build_id); held != types_.end()) return held->second;
  const fs::path path = fs::path(directory(Kind::types)) / (safe(key.build_id) + "_" + safe(key.release));
  std::error_code error;
  if (!fs::exists(path, error))
    return fail(Errc::not_found, "types of kernel " + key.release + " were not imported");
  RINGSIDE_TRY(Bytes packed, unpack(path.string(), linux::kMaxKernelBytes));
  auto parsed = linux::KernelDebug::parse(std::move(packed));
  if (!parsed) return fail(parsed.error().within(path.string()));
  if (types_.size() >= kMaxKernels) types_.clear();
  return types_[key.build_id] = std::move(*parsed);
}

std::uint64_t GoldenFiles::revision() {
  // A file that is put into a folder, or taken out, changes the folder's time.
  std::uint64_t revision = 0;
  const auto add = [&](const fs::path& folder) {
    std::error_code error;
    const auto changed = fs::last_write_time(folder, error);
    if (!error) revision = revision * 31 + static_cast<std::uint64_t>(changed.time_since_epoch().count());
  };
  for (const Kind kind : {Kind::kernel, Kind::types, Kind::module}) add(directory(kind));
  each_file(directory(Kind::module), [&](const fs::directory_entry& release) { add(release.path()); });
  return revision;
}

/// Read again when something was added or removed.
const GoldenFiles::Release& GoldenFiles::release(const std::string& name) {
  std::error_code error;
  const auto changed = fs::last_write_time(directory(Kind::module, name), error);
  if (releases_.size() > kMaxReleases) releases_.clear();
  Release& release = releases_[name];
  if (!error && changed == release.changed) return release;
  release = {changed, {}};
  each_file(directory(Kind::module, name), [&](const auto& file) {
    if (auto entry = entry_of(file, Kind::module, name)) {
      std::string module = entry->name;
      release.modules.emplace(std::move(module), std::move(*entry));
    }
  });
  return release;
}

Result<std::shared_ptr<const linux::GoldenModule>> GoldenFiles::read_module(const Entry& entry) {
  if (const auto held = modules_.find(entry.path); held != modules_.end()) return held->second;
  RINGSIDE_TRY(Bytes bytes, unpack(entry.path, linux::GoldenModule::kMaxBytes));
  RINGSIDE_TRY(auto module, linux::GoldenModule::parse(std::move(bytes)));
  if (module_bytes_ + module->bytes().size() > kMaxModuleBytes) {
    modules_.clear();
    module_bytes_ = 0;
  }
  module_bytes_ += module->bytes().size();
  return modules_[entry.path] = module;
}

Result<std::shared_ptr<const linux::GoldenModule>> GoldenFiles::module(const linux::GoldenModuleKey& key) {
  const std::lock_guard lock(mutex_);
  const std::string what = "module " + key.name + " for kernel " + key.release;
  const auto [first, end] = release(key.release).modules.equal_range(safe(key.name));
  if (first == end)
    return fail(Errc::not_found, "the vendor's " + what + " was not imported (ringside golden import)",
                "ringside golden import FILE takes a .ko, a linux-image package or a directory of modules");
  std::vector<std::shared_ptr<const linux::GoldenModule>> fitting;
  for (auto entry = first; entry != end; ++entry) {
    if (key.build_id && entry->second.id != *key.build_id) continue;
    RINGSIDE_TRY(auto module, read_module(entry->second));
    if (!key.build_id && key.srcversion && !module->srcversion().empty() &&
        module->srcversion() != *key.srcversion)
      continue;
    fitting.push_back(std::move(module));
  }
  if (fitting.size() != 1)
    return fail(Errc::mismatch, fitting.empty() ? what + " is of another build than the vendor's"
                                                : "several files of " + what +
                                                      " were imported, and the guest does not tell which");
  return fitting.front();
}

Result<GoldenFiles::Entry> GoldenFiles::keep(Entry entry, ByteView bytes) {
  const bool module = entry.kind == Kind::module;
  const std::string directory = this->directory(entry.kind, entry.release);
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail(Errc::io, "cannot make " + directory + ": " + error.message());
  fs::permissions(root_, fs::perms::owner_all, error);
  entry.path = (fs::path(directory) /
                (module ? safe(entry.name) + "_" + entry.id : entry.id + "_" + safe(entry.release)))
                   .string();
  RINGSIDE_TRY(const Bytes packed, pack(bytes));
  entry.bytes = packed.size();
  RINGSIDE_TRY(AtomicFile file, AtomicFile::create(entry.path));
  RINGSIDE_CHECK(file.write(packed));
  // A module's file that a crash cut short fails its checksum; to sync thousands of them takes minutes.
  RINGSIDE_CHECK(file.commit(!module));
  return entry;
}

Result<GoldenFiles::Entry> GoldenFiles::add_kernel(ByteView payload) {
  RINGSIDE_TRY(const auto kernel, linux::GoldenKernel::parse(payload));
  Entry entry;
  entry.kind = Kind::kernel;
  entry.id = kernel->build_id();
  entry.release = kernel->release();
  return keep(std::move(entry), payload);
}

Result<GoldenFiles::Entry> GoldenFiles::add_types(ByteView vmlinux) {
  RINGSIDE_TRY(const auto elf, linux::ElfFile::parse(vmlinux));
  RINGSIDE_TRY(const Bytes packed, linux::KernelDebug::pack(elf));
  RINGSIDE_TRY(const auto kernel, linux::GoldenKernel::parse(vmlinux));
  Entry entry;
  entry.kind = Kind::types;
  entry.id = kernel->build_id();
  entry.release = kernel->release();
  RINGSIDE_CHECK(linux::KernelDebug::parse(packed));
  const std::lock_guard lock(mutex_);
  types_.erase(entry.id);
  return keep(std::move(entry), packed);
}

Result<GoldenFiles::Entry> GoldenFiles::add_module(Bytes file) {
  RINGSIDE_TRY(const auto module, linux::GoldenModule::parse(std::move(file)));
  Entry entry;
  entry.id = module->build_id().empty() ? safe(module->srcversion()) : module->build_id();
  entry.release = module->release();
  entry.name = module->name();
  return keep(std::move(entry), module->bytes());
}

std::vector<GoldenFiles::Entry> GoldenFiles::list() const {
  std::vector<Entry> out;
  const auto take = [&](Kind kind, const std::string& release) {
    return [&out, kind, release](const fs::directory_entry& file) {
      if (auto entry = entry_of(file, kind, release)) out.push_back(std::move(*entry));
    };
  };
  for (const Kind kind : {Kind::kernel, Kind::types}) each_file(directory(kind), take(kind, {}));
  each_file(directory(Kind::module), [&](const fs::directory_entry& release) {
    each_file(release.path().string(), take(Kind::module, release.path().filename().string()));
  });
  const auto rank = [](Kind kind) { return kind == Kind::kernel ? 0 : kind == Kind::types ? 1 : 2; };
  std::sort(out.begin(), out.end(), [&](const Entry& a, const Entry& b) {
    return std::tuple(rank(a.kind), std::tie(a.release, a.name, a.id)) <
           std::tuple(rank(b.kind), std::tie(b.release, b.name, b.id));
  });
  return out;
}

Result<std::size_t> GoldenFiles::remove(const std::string& id) {
  const auto all = list();
  std::vector<Entry> doomed;
  std::set<std::string> releases, kept;
  for (const Entry& entry : all) {
    if (entry.id == id) doomed.push_back(entry);
    if (entry.kind == Kind::kernel) (entry.id == id ? releases : kept).insert(entry.release);
  }
  if (doomed.empty()) return fail(Errc::not_found, "no file of build id " + id + " was imported");
  for (const Entry& entry : all)
    if (entry.kind == Kind::module && entry.id != id && releases.contains(entry.release) &&
        !kept.contains(entry.release))
      doomed.push_back(entry);
  std::error_code error;
  for (const Entry& entry : doomed)
    if (!fs::remove(entry.path, error) && error)
      return fail(Errc::io, "cannot remove " + entry.path + ": " + error.message());
  for (const std::string& release : releases) fs::remove(directory(Kind::module, release), error);
  const std::lock_guard lock(mutex_);
  kernels_.erase(id);
  types_.erase(id);
  modules_.clear();
  module_bytes_ = 0;
  return doomed.size();
}

}  // namespace ringside::guest::live
