// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/ip_address.h"

#include <arpa/inet.h>

#include <array>

namespace ringside::guest::linux {

std::string ip_text(ByteView address) {
  if (address.size() != 4 && address.size() != 16) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = address.size() == 4 ? AF_INET : AF_INET6;
  if (inet_ntop(family, address.data(), text.data(), text.size()) == nullptr) return {};
  return text.data();
}

std::string hardware_address_text(ByteView address) {
  std::string text;
  for (const std::byte byte : address) {
    if (!text.empty()) text += ':';
    text += to_hex(ByteView(&byte, 1));
  }
  return text;
}

}  // namespace ringside::guest::linux
