// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pseudo_names.h"

#include "guest/linux/paths.h"

#include <array>
#include <utility>

namespace ringside::guest::linux {

namespace {

// Longest name of a kind of namespace ("time_for_children") or of a DMA buffer (DMA_BUF_NAME_LEN).
constexpr std::size_t kMaxLabel = 64;

}  // namespace

PseudoNames::PseudoNames(Kernel& kernel)
    : kernel_(kernel),
      function_(kernel.field("dentry_operations", "d_dname")),
      number_(kernel.field("inode", "i_ino")),
      private_(kernel.field("inode", "i_private")),
      ops_(kernel.field("ns_common", "ops")),
      ops_name_(kernel.field("proc_ns_operations", "name")) {}

Result<PseudoNames::Maker> PseudoNames::maker(Gva operations) {
  if (operations == Gva{0}) return Maker::none;
  if (const auto known = makers_.find(operations.value); known != makers_.end()) return known->second;
  if (!function_) return fail(function_.error());
  RINGSIDE_TRY(const Gva function, kernel_.read_pointer_field(operations, *function_));
  // net/socket.c, fs/pipe.c, fs/anon_inodes.c, fs/d_path.c (memfd, shared memory), fs/nsfs.c, fs/pidfs.c,
  // drivers/dma-buf/dma-buf.c
  static constexpr std::array<std::pair<std::string_view, Maker>, 7> kMakers = {
      {{"sockfs_dname", Maker::socket},
       {"pipefs_dname", Maker::pipe},
       {"anon_inodefs_dname", Maker::anonymous},
       {"simple_dname", Maker::simple},
       {"ns_dname", Maker::name_space},
       {"pidfs_dname", Maker::pidfd},
       {"dmabuffs_dname", Maker::dma_buffer}}};
  Maker found = function == Gva{0} ? Maker::none : Maker::unknown;
  if (found == Maker::unknown)
    for (const auto& [symbol, maker] : kMakers)
      if (kernel_.find_symbol(symbol) == function) found = maker;
  constexpr std::size_t kMaxKept = 4096;
  if (makers_.size() >= kMaxKept) makers_.clear();
  return makers_[operations.value] = found;
}

Result<bool> PseudoNames::makes_name(Gva operations) {
  RINGSIDE_TRY(const Maker found, maker(operations));
  return found != Maker::none;
}

Result<std::uint64_t> PseudoNames::inode_number(const Dentry& dentry) {
  if (!number_) return fail(number_.error());
  return kernel_.read_field(dentry.inode, *number_);
}

Result<std::string> PseudoNames::name_space(const Dentry& dentry) {
  for (const auto* field : {&private_, &ops_, &ops_name_})
    if (!*field) return fail(field->error());
  RINGSIDE_TRY(const Gva common, kernel_.read_pointer_field(dentry.inode, *private_));
  RINGSIDE_TRY(const Gva operations, kernel_.read_pointer_field(common, *ops_));
  RINGSIDE_TRY(const Gva label, kernel_.read_pointer_field(operations, *ops_name_));
  return kernel_.read_string(label, kMaxLabel);
}

Result<std::string> PseudoNames::dma_buffer(const Dentry& dentry, Gva address) {
  RINGSIDE_TRY(const Field data, kernel_.field("dentry", "d_fsdata"));
  RINGSIDE_TRY(const Field label, kernel_.field("dma_buf", "name"));
  RINGSIDE_TRY(const Gva buffer, kernel_.read_pointer_field(address, data));
  RINGSIDE_TRY(const Gva text, kernel_.read_pointer_field(buffer, label));
  std::string name;
  if (text != Gva{0}) {
    RINGSIDE_TRY(name, kernel_.read_string(text, kMaxLabel));
  }
  return "/" + dentry.name + ":" + name;
}

Result<std::string> PseudoNames::name(const Dentry& dentry, Gva address) {
  if (!dentry.operations) {
    RINGSIDE_CHECK(kernel_.field("dentry", "d_op"));
    return fail(Errc::unavailable, "what makes the name of dentry at " + to_string(address));
  }
  RINGSIDE_TRY(const Maker found, maker(*dentry.operations));
  const auto numbered = [&](std::string_view kind) {
    return inode_number(dentry).map(
        [&](std::uint64_t number) { return std::string(kind) + ":[" + std::to_string(number) + "]"; });
  };
  switch (found) {
    case Maker::socket:
      return numbered("socket");
    case Maker::pipe:
      return numbered("pipe");
    case Maker::anonymous:
      return "anon_inode:" + dentry.name;
    case Maker::simple:
      return "/" + dentry.name + " (deleted)";
    case Maker::name_space: {
      RINGSIDE_TRY(const std::string kind, name_space(dentry));
      return numbered(kind);
    }
    case Maker::pidfd:
      return std::string("anon_inode:[pidfd]");
    case Maker::dma_buffer:
      return dma_buffer(dentry, address);
    case Maker::none:
    case Maker::unknown:
      break;
  }
  return fail(Errc::unsupported, "dentry at " + to_string(address) +
                                     ": its name is made by a function that is not known (operations at " +
                                     to_string(*dentry.operations) + ")");
}

}  // namespace ringside::guest::linux
