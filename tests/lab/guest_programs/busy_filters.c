// SPDX-License-Identifier: Apache-2.0
// Storms of packet filters: rule sets of nftables and iptables, queues and classifiers of tc, links.
#define _GNU_SOURCE
#include "busy.h"
#include "busy_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// <net/if.h> and <linux/if.h> cannot be had both.
unsigned if_nametoindex(const char* name);

static void nft_begin(struct Request* request, unsigned type, unsigned flags) {
  const struct nfgenmsg header = {.nfgen_family = NFPROTO_INET};
  request_begin(request, NFNL_SUBSYS_NFTABLES << 8 | type, flags, &header, sizeof header);
}

static void nft_batch(struct Request* request, unsigned type) {
  const struct nfgenmsg header = {.res_id = htons(NFNL_SUBSYS_NFTABLES)};
  request_begin(request, type, 0, &header, sizeof header);
}

static void nft_chain(struct Request* request, const char* name, const char* type, unsigned hook,
                      int priority) {
  nft_begin(request, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  request_text(request, NFTA_CHAIN_TABLE, "busy");
  request_text(request, NFTA_CHAIN_NAME, name);
  const size_t place = request_nest(request, NFTA_CHAIN_HOOK);
  request_be32(request, NFTA_HOOK_HOOKNUM, hook);
  request_be32(request, NFTA_HOOK_PRIORITY, (uint32_t)priority);
  request_end_nest(request, place);
  request_text(request, NFTA_CHAIN_TYPE, type);
}

/// Counts, and lets pass.
static void nft_rule(struct Request* request, const char* chain) {
  nft_begin(request, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  request_text(request, NFTA_RULE_TABLE, "busy");
  request_text(request, NFTA_RULE_CHAIN, chain);
  const size_t expressions = request_nest(request, NFTA_RULE_EXPRESSIONS);
  size_t one = request_nest(request, NFTA_LIST_ELEM);
  request_text(request, NFTA_EXPR_NAME, "counter");
  request_end_nest(request, one);
  one = request_nest(request, NFTA_LIST_ELEM);
  request_text(request, NFTA_EXPR_NAME, "immediate");
  const size_t data = request_nest(request, NFTA_EXPR_DATA);
  request_be32(request, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  const size_t value = request_nest(request, NFTA_IMMEDIATE_DATA);
  const size_t verdict = request_nest(request, NFTA_DATA_VERDICT);
  request_be32(request, NFTA_VERDICT_CODE, NF_ACCEPT);
  request_end_nest(request, verdict);
  request_end_nest(request, value);
  request_end_nest(request, data);
  request_end_nest(request, one);
  request_end_nest(request, expressions);
}

static void nft_table(struct Request* request, unsigned type, unsigned flags) {
  nft_begin(request, type, flags);
  request_text(request, NFTA_TABLE_NAME, "busy");
}

static void nftables_round(unsigned number) {
  const int fd = offered(netlink_socket(NETLINK_NETFILTER), "NETLINK_NETFILTER");
  struct Request request = {.size = 0};
  nft_batch(&request, NFNL_MSG_BATCH_BEGIN);
  nft_table(&request, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  nft_chain(&request, "in", "filter", NF_INET_LOCAL_IN, 0);
  nft_chain(&request, "out", "filter", NF_INET_LOCAL_OUT, -5);
  nft_chain(&request, "nat", "nat", NF_INET_POST_ROUTING, 100);
  for (unsigned i = 0; i < 1 + number % 6; ++i) nft_rule(&request, i % 2 ? "in" : "out");
  // The last message before the end answers for the whole batch: whatever fails undoes all.
  nft_table(&request, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
  nft_batch(&request, NFNL_MSG_BATCH_END);
  errno = -netlink_send(fd, &request);
  if (errno != 0) offered(-1, "nf_tables");
  usleep(100000);
  struct Request remove = {.size = 0};
  nft_batch(&remove, NFNL_MSG_BATCH_BEGIN);
  nft_table(&remove, NFT_MSG_DELTABLE, NLM_F_ACK);
  nft_batch(&remove, NFNL_MSG_BATCH_END);
  errno = -netlink_send(fd, &remove);
  if (errno != 0) die("NFT_MSG_DELTABLE");
}

struct Entry {
  struct ipt_entry entry;
  struct xt_standard_target target;
};
struct End {
  struct ipt_entry entry;
  struct xt_error_target target;
};
enum { kRules = 5 };
/// The table `filter`: rules of the input chain, then the policy of each chain.
struct Filter {
  struct ipt_replace replace;
  struct Entry entries[kRules + 3];
  struct End end;
};

static void iptables_entry(struct Entry* entry, int tcp) {
  memset(entry, 0, sizeof *entry);
  entry->entry.target_offset = sizeof entry->entry;
  entry->entry.next_offset = sizeof *entry;
  if (tcp) entry->entry.ip.proto = IPPROTO_TCP;
  entry->target.target.u.user.target_size = XT_ALIGN(sizeof entry->target);
  entry->target.verdict = -NF_ACCEPT - 1;
}

/// Puts a table with so many rules in the place of what is there (libiptc does the same for iptables-legacy).
static void iptables_replace(int fd, unsigned rules) {
  struct ipt_getinfo info = {.name = "filter"};
  socklen_t size = sizeof info;
  offered(getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size), "table filter of iptables");
  struct xt_counters* counters = calloc(info.num_entries, sizeof *counters);
  struct Filter filter;
  memset(&filter, 0, sizeof filter);
  strcpy(filter.replace.name, "filter");
  filter.replace.valid_hooks = info.valid_hooks;
  filter.replace.num_entries = rules + 3 + 1;
  filter.replace.num_counters = info.num_entries;
  filter.replace.counters = counters;
  const unsigned each = sizeof(struct Entry);
  for (unsigned i = 0; i < rules + 3; ++i) iptables_entry(&filter.entries[i], i < rules);
  const unsigned first[] = {0, (rules + 1) * each, (rules + 2) * each};
  const unsigned policy[] = {rules * each, first[1], first[2]};
  for (int i = 0; i < 3; ++i) {
    filter.replace.hook_entry[NF_INET_LOCAL_IN + i] = first[i];
    filter.replace.underflow[NF_INET_LOCAL_IN + i] = policy[i];
  }
  struct End end;
  memset(&end, 0, sizeof end);
  end.entry.target_offset = sizeof end.entry;
  end.entry.next_offset = sizeof end;
  end.target.target.u.user.target_size = XT_ALIGN(sizeof end.target);
  strcpy(end.target.target.u.user.name, XT_ERROR_TARGET);
  strcpy(end.target.errorname, "ERROR");
  char* place = (char*)&filter.entries[rules + 3];
  memcpy(place, &end, sizeof end);
  filter.replace.size = (rules + 3) * each + sizeof end;
  check(setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, &filter,
                   (socklen_t)(sizeof filter.replace + filter.replace.size)),
        "IPT_SO_SET_REPLACE");
  free(counters);
}

static void iptables_round(unsigned number) {
  const int fd = check(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), "raw socket");
  iptables_replace(fd, 1 + number % kRules);
  usleep(50000);
  iptables_replace(fd, 0);
}

static int route(const struct Request* request) {
  static int fd = -1;
  if (fd < 0) fd = check(netlink_socket(NETLINK_ROUTE), "NETLINK_ROUTE");
  return netlink_send(fd, request);
}

static int tc(unsigned type, unsigned flags, unsigned device, uint32_t parent, uint32_t handle,
              const char* kind) {
  struct Request request = {.size = 0};
  struct tcmsg header = {
      .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)device, .tcm_handle = handle, .tcm_parent = parent};
  if (type == RTM_NEWTFILTER) header.tcm_info = TC_H_MAKE(1u << 16, htons(0x0003 /* ETH_P_ALL */));
  request_begin(&request, type, flags | NLM_F_ACK, &header, sizeof header);
  request_text(&request, TCA_KIND, kind);
  if (type == RTM_NEWTFILTER) {
    const size_t options = request_nest(&request, TCA_OPTIONS);
    request_u32(&request, TCA_MATCHALL_CLASSID, 0x10001);
    request_end_nest(&request, options);
  }
  return route(&request);
}

static void tc_round(unsigned number) {
  const unsigned device = if_nametoindex("lo");
  static const char* const kQueues[] = {"pfifo_fast", "sfq", "fq_codel", "fq", "pfifo"};
  int works = 0;
  for (int i = 0; i < 5; ++i)
    works += tc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, device, TC_H_ROOT, (number % 64 + 2) << 16,
                kQueues[(number + (unsigned)i) % 5]) == 0;
  tc(RTM_DELQDISC, 0, device, TC_H_ROOT, 0, "");
  // Classifiers at the entry and the exit of a device: their static keys are for these alone.
  if (tc(RTM_NEWQDISC, NLM_F_CREATE, device, TC_H_CLSACT, 0xffff0000, "clsact") == 0) {
    ++works;
    tc(RTM_NEWTFILTER, NLM_F_CREATE, device, 0xfffffff2 /* ingress */, 1, "matchall");
    tc(RTM_NEWTFILTER, NLM_F_CREATE, device, 0xfffffff3 /* egress */, 1, "matchall");
    usleep(50000);
    tc(RTM_DELQDISC, 0, device, TC_H_CLSACT, 0xffff0000, "clsact");
  }
  if (works == 0) left_out("no queueing discipline can be had");
}

static int add_link(const char* name, const char* kind) {
  struct Request request = {.size = 0};
  const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  request_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
  request_text(&request, IFLA_IFNAME, name);
  const size_t info = request_nest(&request, IFLA_LINKINFO);
  request_text(&request, IFLA_INFO_KIND, kind);
  request_end_nest(&request, info);
  return route(&request);
}

static int change_link(unsigned type, unsigned device, unsigned attribute, unsigned value) {
  struct Request request = {.size = 0};
  const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = (int)device};
  request_begin(&request, type, NLM_F_ACK, &header, sizeof header);
  if (attribute != 0) request_u32(&request, attribute, value);
  return route(&request);
}

/// Devices that come and go, some of them below another one, which makes them promiscuous.
static void links_round(unsigned number) {
  static const char* const kKinds[] = {"dummy", "veth", "bridge", "bond", "ifb"};
  int works = 0;
  for (int i = 0; i < 5; ++i) {
    char name[16];
    snprintf(name, sizeof name, "busy%d", i);
    works += add_link(name, kKinds[i]) == 0;
  }
  const unsigned dummy = if_nametoindex("busy0"), veth = if_nametoindex("busy1"),
                 bridge = if_nametoindex("busy2"), bond = if_nametoindex("busy3");
  if (veth && bridge) change_link(RTM_NEWLINK, veth, IFLA_MASTER, bridge);
  if (dummy && bond) change_link(RTM_NEWLINK, dummy, IFLA_MASTER, bond);
  if (bridge && number % 2) change_link(RTM_NEWLINK, bridge, IFLA_PROMISCUITY, 1);
  usleep(100000);
  for (int i = 0; i < 5; ++i) {
    char name[16];
    snprintf(name, sizeof name, "busy%d", i);
    const unsigned device = if_nametoindex(name);
    if (device) change_link(RTM_DELLINK, device, 0, 0);
  }
  if (works == 0) left_out("no kind of link can be had");
}

const struct Storm kFilterStorms[] = {
    {"nftables", nftables_round, 100},
    {"iptables", iptables_round, 100},
    {"tc", tc_round, 100},
    {"links", links_round, 300},
    {NULL, NULL, 0},
};
