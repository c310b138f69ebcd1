// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/module_file.h"

#include "guest/elf_notes.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

/// The value of `tag` among the strings "tag=value" of .modinfo (include/linux/moduleparam.h).
std::string modinfo(ByteView strings, std::string_view tag) {
  std::string_view left(reinterpret_cast<const char*>(strings.data()), strings.size());
  while (!left.empty()) {
    const std::string_view one = left.substr(0, left.find('\0'));
    if (one.size() > tag.size() && one.starts_with(tag) && one[tag.size()] == '=')
      return std::string(one.substr(tag.size() + 1));
    left.remove_prefix(std::min(left.size(), one.size() + 1));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const GoldenModule>> GoldenModule::parse(Bytes file) {
  const std::shared_ptr<GoldenModule> module(new GoldenModule(std::move(file)));
  RINGSIDE_TRY(ElfFile elf, ElfFile::parse(module->bytes_));
  const ElfSection* info = elf.section(".modinfo");
  if (!elf.relocatable() || info == nullptr)
    return fail(Errc::unsupported, "an ELF file, but no kernel module");
  module->name_ = modinfo(info->bytes, "name");
  module->srcversion_ = modinfo(info->bytes, "srcversion");
  // "6.1.0-56-cloud-amd64 SMP preempt mod_unload modversions"
  const std::string magic = modinfo(info->bytes, "vermagic");
  module->release_ = magic.substr(0, magic.find(' '));
  if (module->name_.empty() || module->release_.empty())
    return fail(Errc::unsupported, "a kernel module that does not say its name and kernel");
  if (const ElfSection* note = elf.section(".note.gnu.build-id"))
    module->build_id_ = gnu_build_id(note->bytes).value_or("");
  module->elf_ = std::make_unique<ElfFile>(std::move(elf));
  return module;
}

}  // namespace ringside::guest::linux
