// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/socket_oracle.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <map>

namespace ringside::lab {
namespace {

std::uint32_t hex(const std::string& text) {
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 16));
}

/// "0100007F:1F90" as "127.0.0.1|8080": each word in the byte order of the machine.
std::string address(const std::string& text) {
  std::array<std::uint32_t, 4> words{};
  const auto colon = text.find(':');
  for (std::size_t i = 0; i < colon / 8; ++i) words[i] = hex(text.substr(8 * i, 8));
  std::array<char, INET6_ADDRSTRLEN> printed{};
  inet_ntop(colon > 8 ? AF_INET6 : AF_INET, words.data(), printed.data(), printed.size());
  return fmt::format("{}|{}", printed.data(), hex(text.substr(colon + 1)));
}

/// include/net/tcp_states.h.
std::string state(std::uint32_t number, bool stream) {
  static const std::array<const char*, 14> kNames = {
      "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",    "TIME_WAIT",
      "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV", "BOUND_INACTIVE"};
  return number == 7 && !stream ? "UNCONNECTED" : kNames.at(number);
}

/// The lowest pid that has a file descriptor of the socket; by inode.
std::map<std::string, unsigned> owners(const Oracle& oracle) {
  std::map<std::string, unsigned> result;
  for (const unsigned pid : oracle.processes())
    for (const std::string& line : oracle.lines(fmt::format("proc/{}/fd", pid)))
      if (const auto at = line.find("-> socket:["); at != std::string::npos)
        result.try_emplace(line.substr(at + 11, line.size() - at - 12), pid);
  return result;
}

class Questions {
 public:
  explicit Questions(const Oracle& oracle) : oracle_(oracle), owners_(owners(oracle)) {
    for (const std::string& line : oracle.lines("proc/1/ns"))
      if (line.starts_with("net -> net:[")) net_ = line.substr(12, line.size() - 13);
  }

  /// /proc/net/{tcp,udp,raw}{,6} (net/ipv4/tcp_ipv4.c, tcp4_seq_show): sl, local, remote, st, tx:rx, ..., uid
  /// at 7, inode at 9.
  /// Raw sockets show their protocol where the others show a port.
  Question ip(const std::string& file, const std::string& family, const std::string& type) {
    const bool raw = type == "raw";
    Question question{
        "sockets: " + file,
        fmt::format(
            "SELECT local_address, {}, remote_address, {}, state, tx_queue, rx_queue, uid, inode, pid "
            "FROM sockets WHERE family = '{}' AND type = '{}' AND {}",
            raw ? "CASE protocol WHEN 'icmp' THEN 1 WHEN 'icmpv6' THEN 58 ELSE protocol END" : "local_port",
            raw ? "0" : "remote_port", family, type, in_table()),
        {}};
    const std::size_t header = 1;
    const auto lines = oracle_.lines("net/" + file);
    for (std::size_t i = header; i < lines.size(); ++i) {
      const auto words = split_words(lines[i]);
      if (words.size() < 10) continue;
      question.answer.push_back(
          join({address(words[1]), address(words[2]), state(hex(words[3]), type == "stream"),
                std::to_string(hex(words[4].substr(0, 8))), std::to_string(hex(words[4].substr(9))), words[7],
                words[9], owner(words[9])}));
    }
    return question;
  }

  /// /proc/net/unix (net/unix/af_unix.c, unix_seq_show): Num, RefCount, Protocol, Flags, Type, St, Inode,
  /// Path.
  Question unix() {
    Question question{"sockets: unix",
                      "SELECT type, inode, ifnull(path, ''), state = 'LISTEN', pid FROM sockets WHERE family "
                      "= 'unix' AND " +
                          in_table(),
                      {}};
    const std::map<std::string, std::string> types = {
        {"0001", "stream"}, {"0002", "dgram"}, {"0005", "seqpacket"}};
    for (const std::string& line : oracle_.lines("net/unix")) {
      const auto words = split_words(line);
      if (words.size() < 7 || words[0] == "Num") continue;
      question.answer.push_back(join({types.at(words[4]), words[6], words.size() > 7 ? words[7] : "",
                                      words[3] == "00010000" ? "1" : "0", owner(words[6])}));
    }
    return question;
  }

  /// /proc/net/packet (net/packet/af_packet.c): sk, RefCnt, Type, Proto, Iface, R, Rmem, User, Inode.
  Question packet() {
    Question question{
        "sockets: packet",
        "SELECT type, protocol, ifindex, uid, inode, pid FROM sockets WHERE family = 'packet' AND " +
            in_table(),
        {}};
    const std::map<std::string, std::string> protocols = {{"0003", "all"}, {"0806", "arp"}};
    for (const std::string& line : oracle_.lines("net/packet")) {
      const auto words = split_words(line);
      if (words.size() < 9 || words[0] == "sk") continue;
      question.answer.push_back(join({words[2] == "3" ? "raw" : "dgram", protocols.at(words[3]), words[4],
                                      words[7], words[8], owner(words[8])}));
    }
    return question;
  }

  /// /proc/net/netlink (net/netlink/af_netlink.c): sk, Eth, Pid, Groups, ..., Inode at 9.
  Question netlink() {
    Question question{"sockets: netlink",
                      "SELECT local_port, inode, pid FROM sockets WHERE family = 'netlink' AND " + in_table(),
                      {}};
    for (const std::string& line : oracle_.lines("net/netlink")) {
      const auto words = split_words(line);
      if (words.size() < 10 || words[0] == "sk") continue;
      question.answer.push_back(join({words[2], words[9], owner(words[9])}));
    }
    return question;
  }

 private:
  /// What /proc/net shows of the first network namespace.
  std::string in_table() const { return "listed_by <> 'file' AND netns = " + net_; }
  std::string owner(const std::string& inode) const {
    const auto found = owners_.find(inode);
    return found == owners_.end() ? "NULL" : std::to_string(found->second);
  }

  const Oracle& oracle_;
  std::map<std::string, unsigned> owners_;
  std::string net_ = "0";
};

}  // namespace

std::vector<Question> socket_questions(const Oracle& oracle) {
  Questions questions(oracle);
  std::vector<Question> all;
  for (const auto& [suffix, family] : {std::pair("", "inet"), std::pair("6", "inet6")}) {
    all.push_back(questions.ip(std::string("tcp") + suffix, family, "stream"));
    all.push_back(questions.ip(std::string("udp") + suffix, family, "dgram"));
    all.push_back(questions.ip(std::string("raw") + suffix, family, "raw"));
  }
  all.push_back(questions.unix());
  all.push_back(questions.packet());
  all.push_back(questions.netlink());
  return all;
}

}  // namespace ringside::lab
