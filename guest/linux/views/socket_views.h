// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/sockets.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// A socket with what shows it. nullopt: not known, or it does not apply.
struct SocketView {
  Socket socket;                    ///< its owner is a listed process
  std::optional<bool> has_file;     ///< an open file stands for it, wherever that is held
  std::optional<bool> kernel_made;  ///< the kernel opened it for itself (sock.sk_kern_sock)
  /// Of a process that has it open, and that the list of processes does not show.
  std::optional<std::int32_t> hidden_owner;
  /// It must be in the table of its protocol, and is not: a TCP socket that listens or is connected, or a UDP
  /// socket with a port. nullopt: it need not be there, or that table could not be read wholly.
  std::optional<bool> missing_in_table;
  /// A program opened it, its file is there, and yet no process has it, listed or not, and nothing explains
  /// that: descriptors that are on their way between processes, or files registered with io_uring.
  std::optional<bool> unowned;
};

/// Every socket that its protocol's table or an open file of any task shows, those of hidden tasks included.
/// Errors as sockets().
Result<Listing<SocketView>> socket_views(Kernel& kernel);

}  // namespace ringside::guest::linux
