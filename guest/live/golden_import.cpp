// SPDX-License-Identifier: Apache-2.0
#include "guest/live/golden_import.h"

#include "guest/linux/golden/boot_image.h"
#include "guest/linux/golden/decompress.h"
#include "guest/linux/golden/elf_file.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>

namespace ringside::guest::live {

namespace {

namespace fs = std::filesystem;
using Reader = std::unique_ptr<archive, int (*)(archive*)>;

bool is_kernel_name(std::string_view name) {
  return name.starts_with("vmlinuz") || name.starts_with("vmlinux");
}

bool is_module_name(std::string_view name) {
  for (const std::string_view end : {".ko", ".ko.xz", ".ko.zst", ".ko.gz"})
    if (name.ends_with(end)) return true;
  return false;
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

Error archive_error(archive* from, const std::string& path) {
  const char* why = archive_error_string(from);
  return {Errc::malformed, path + ": " + (why == nullptr ? "cannot be read" : why)};
}

/// The bytes of the entry whose header was read last.
Result<Bytes> entry_bytes(archive* from, const std::string& what) {
  Bytes out;
  std::array<std::byte, 1u << 16> piece{};
  for (;;) {
    const auto got = archive_read_data(from, piece.data(), piece.size());
    if (got < 0) return fail(archive_error(from, what));
    if (got == 0) return out;
    if (out.size() + static_cast<std::size_t>(got) > linux::kMaxKernelBytes)
      return fail(Errc::oversized, what + " is too large");
    out.insert(out.end(), piece.begin(), piece.begin() + got);
  }
}

/// An archive inside of an archive, read as it streams by.
struct Inner {
  archive* outer = nullptr;
  std::array<std::byte, 1u << 16> buffer{};
};
la_ssize_t read_inner(archive*, void* data, const void** buffer) {
  auto* inner = static_cast<Inner*>(data);
  *buffer = inner->buffer.data();
  return archive_read_data(inner->outer, inner->buffer.data(), inner->buffer.size());
}

}  // namespace

void GoldenImport::problem(Error error) {
  if (problems_.size() < kMaxProblems) problems_.push_back(std::move(error));
}

Result<void> GoldenImport::take(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) return fail(Errc::not_found, "there is no file " + path);
  if (fs::is_directory(status)) return take_directory(path);
  if (!fs::is_regular_file(status)) return fail(Errc::invalid_argument, path + " is no plain file");
  return take_file(path);
}

Result<void> GoldenImport::take_directory(const std::string& path) {
  std::error_code error;
  fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    // Links are left out: what they lead to is there itself, or is not of this directory.
    if (!fs::is_regular_file(it->symlink_status(ignored))) continue;
    const std::string name = it->path().filename().string();
    if (!is_kernel_name(name) && !is_module_name(name) && !name.ends_with(".deb")) continue;
    if (auto taken = take_file(it->path().string()); !taken) problem(std::move(taken).error());
  }
  if (error) return fail(Errc::io, "cannot read " + path + ": " + error.message());
  return {};
}

Result<void> GoldenImport::take_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 8> magic{};
  if (!file) return fail(Errc::io, "cannot read " + path);
  if (file.read(magic.data(), magic.size()) && std::string_view(magic.data(), magic.size()) == "!<arch>\n")
    return take_package(path);
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size > linux::kMaxKernelBytes) return fail(Errc::oversized, path + " is too large");
  Bytes bytes(size);
  file.clear();
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    return fail(Errc::io, "cannot read " + path);
  return take_bytes(path, std::move(bytes));
}

Result<void> GoldenImport::take_package(const std::string& path) {
  // deb(5): an ar archive with a compressed tar archive in it.
  const Reader outer(archive_read_new(), archive_read_free), tar(archive_read_new(), archive_read_free);
  if (!outer || !tar) return fail(Errc::io, "out of memory");
  archive_read_support_format_ar(outer.get());
  if (archive_read_open_filename(outer.get(), path.c_str(), 1u << 16) != ARCHIVE_OK)
    return fail(archive_error(outer.get(), path));
  archive_entry* entry = nullptr;
  for (;;) {
    const int read = archive_read_next_header(outer.get(), &entry);
    if (read == ARCHIVE_EOF) return fail(Errc::unsupported, path + " is no Debian package");
    if (read != ARCHIVE_OK) return fail(archive_error(outer.get(), path));
    const char* name = archive_entry_pathname(entry);
    if (name != nullptr && std::string_view(name).starts_with("data.tar")) break;
  }
  for (auto* support :
       {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_lzma,
        archive_read_support_filter_xz, archive_read_support_filter_zstd, archive_read_support_format_tar})
    support(tar.get());
  const auto inner = std::make_unique<Inner>();
  inner->outer = outer.get();
  if (archive_read_open(tar.get(), inner.get(), nullptr, read_inner, nullptr) != ARCHIVE_OK)
    return fail(archive_error(tar.get(), path));
  bool any = false;
  for (;;) {
    const int read = archive_read_next_header(tar.get(), &entry);
    if (read == ARCHIVE_EOF) break;
    if (read != ARCHIVE_OK && read != ARCHIVE_WARN) return fail(archive_error(tar.get(), path));
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG || archive_entry_size(entry) == 0)
      continue;
    const std::string inside(name);
    if (!is_kernel_name(base_name(inside)) && !is_module_name(inside)) continue;
    any = true;
    RINGSIDE_TRY(Bytes bytes, entry_bytes(tar.get(), inside));
    if (auto taken = take_bytes(inside, std::move(bytes)); !taken) problem(std::move(taken).error());
  }
  if (!any)
    return fail(Errc::unsupported, path + " holds neither a kernel nor modules",
                "linux-image-* packages named after a version hold them; a meta package only depends on one");
  return {};
}

Result<void> GoldenImport::take_bytes(std::string_view name, Bytes bytes) {
  progress_(base_name(name));
  const std::string what(name);
  const auto in_file = [&](Error error) { return fail(error.within(what)); };
  if (linux::is_boot_image(bytes)) {
    auto payload = linux::boot_image_payload(bytes);
    if (!payload) return in_file(payload.error());
    bytes = std::move(*payload);
  } else if (load_le<std::uint32_t>(bytes) != 0x464c457f) {
    auto unpacked = linux::decompress(bytes, linux::kMaxKernelBytes);
    if (!unpacked) return in_file(unpacked.error());
    bytes = std::move(*unpacked);
  }
  auto elf = linux::ElfFile::parse(bytes);
  if (!elf) {
    if (elf.error().code == Errc::unsupported)
      return fail(Errc::unsupported, what + " is neither a kernel nor a kernel module");
    return in_file(elf.error());
  }
  if (elf->relocatable()) {
    if (auto added = files_.add_module(std::move(bytes)); !added) return in_file(added.error());
    ++modules_;
    return {};
  }
  if (auto taken = take_vmlinux(bytes, *elf); !taken) return in_file(taken.error());
  return {};
}

Result<void> GoldenImport::take_vmlinux(ByteView bytes, const linux::ElfFile& elf) {
  // Types that are no part of the image were added for kernels that hold none: that is what such a file is
  // for.
  const linux::ElfSection* types = elf.section(".BTF");
  if (types != nullptr && !types->allocated()) {
    RINGSIDE_TRY(auto added, files_.add_types(bytes));
    types_.push_back(std::move(added));
    return {};
  }
  RINGSIDE_TRY(auto added, files_.add_kernel(bytes));
  kernels_.push_back(std::move(added));
  return {};
}

}  // namespace ringside::guest::live
