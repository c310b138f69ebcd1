// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/fake_kernel.h"

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// A kernel with trees of sysctl tables, in a layout that no release has.
class SysctlWorld {
 public:
  using Gva = guest::Gva;
  struct Header {
    static constexpr std::uint32_t table = 0, leaving = 8, set = 16, nodes = 24, count = 32, size = 40;
  };
  struct Directory {
    static constexpr std::uint32_t header = 8, tree = 48, size = 64;
  };
  struct Node {
    static constexpr std::uint32_t header = 0, hook = 8, size = 32;
  };
  struct Table {
    static constexpr std::uint32_t name = 0, data = 8, length = 16, mode = 20, handler = 24, size = 40;
  };
  static constexpr std::uint32_t kSetDirectory = 8, kDefaultSet = 16;
  static constexpr std::uint32_t kNetSysctls = 64;

  SysctlWorld() {
    describe();
    global = kernel.define_variable("sysctl_table_root", 256) + kDefaultSet;
    net_list_ = kernel.define_variable("net_namespace_list", 16);
    kernel.put_list(net_list_, {});
    user_set = kernel.define_variable("init_user_ns", 256) + 32;
    for (const auto name :
         {"proc_dointvec", "proc_dostring", "proc_dointvec_jiffies", "proc_do_uuid", "proc_do_large_bitmap",
          "proc_taint", "proc_cap_handler", "ipv4_local_port_range", "own_handler"})
      kernel.define(name, handlers_[name] = kernel.allocate(16), 't');
    const Gva clock = kernel.define_variable("clocksource_jiffies", 16);
    kernel.put(clock, std::uint32_t{4'000'000u << 8});  // 250 ticks a second
    kernel.put(clock + 4, std::uint32_t{8});
  }

  /// A network namespace; its set.
  Gva add_namespace(std::uint32_t number) {
    const Gva net = kernel.allocate(256);
    kernel.put(net + 40, number);
    nets_.push_back(net + 16);
    kernel.put_list(net_list_, nets_);
    return net + kNetSysctls;
  }
  static Gva root(Gva set) { return set + kSetDirectory; }
  Gva handler(std::string_view name) const { return handlers_.at(name); }

  struct Entry {
    std::string_view name;
    std::string_view handler;
    Gva data{0};
    std::uint32_t length = 4;
    std::uint16_t mode = 0100644;
  };
  /// Tables that are registered together in `directory`; their header.
  Gva add(Gva directory, const std::vector<Entry>& entries) {
    const Gva header = kernel.allocate(Header::size);
    fill(header, directory, entries);
    return header;
  }
  Gva add_directory(Gva parent, std::string_view name) {
    const Gva made = kernel.allocate(Directory::size);
    fill(made + Directory::header, parent, {{name, "", Gva{0}, 0, 0040555}});
    return made;
  }
  Gva integer(std::int32_t value) {
    const Gva at = kernel.allocate(4);
    kernel.put(at, value);
    return at;
  }
  Gva text(std::string_view value) {
    const Gva at = kernel.allocate(value.size() + 1);
    kernel.put_string(at, value);
    return at;
  }
  /// The struct ctl_node of the entry that was added last.
  Gva last_node() const { return last_; }

  FakeKernel kernel;
  Gva global, user_set;

 private:
  void fill(Gva header, Gva directory, const std::vector<Entry>& entries) {
    const Gva tables = kernel.allocate(entries.size() * Table::size),
              nodes = kernel.allocate(entries.size() * Node::size);
    kernel.put_pointer(header + Header::table, tables.value);
    kernel.put_pointer(header + Header::nodes, nodes.value);
    kernel.put(header + Header::count, static_cast<std::uint32_t>(entries.size()));
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Gva table = tables + i * Table::size;
      kernel.put_pointer(table + Table::name, text(entries[i].name).value);
      kernel.put_pointer(table + Table::data, entries[i].data.value);
      kernel.put(table + Table::length, entries[i].length);
      kernel.put(table + Table::mode, entries[i].mode);
      if (!entries[i].handler.empty())
        kernel.put_pointer(table + Table::handler, handler(entries[i].handler).value);
      last_ = nodes + i * Node::size;
      kernel.put_pointer(last_ + Node::header, header.value);
      hang(directory, last_ + Node::hook);
    }
  }
  /// To the right of the one before: an unbalanced tree is a tree.
  void hang(Gva directory, Gva node) {
    auto& before = trees_[directory.value];
    kernel.put_pointer(before == Gva{0} ? directory + Directory::tree : before + 8, node.value);
    kernel.put_pointer(node, before.value);
    before = node;
  }
  void describe() {
    auto& btf = kernel.btf_writer();
    const auto u32 = btf.integer("unsigned int", 4), u16 = btf.integer("short", 2), pointer = btf.pointer(0);
    const auto list = btf.struct_("list_head", 16, {{"next", pointer, 0}, {"prev", pointer, 64}});
    const auto add = [&](std::string_view name, std::uint32_t size, std::vector<BtfWriter::Member> members) {
      for (auto& member : members) member.bits *= 8;
      return btf.struct_(name, size, members);
    };
    const auto rb_root = add("rb_root", 8, {{"rb_node", pointer, 0}}),
               rb_node = add("rb_node", 24, {{"rb_right", pointer, 8}});
    const auto header = add("ctl_table_header", Header::size,
                            {{"ctl_table", pointer, Header::table},
                             {"unregistering", pointer, Header::leaving},
                             {"set", pointer, Header::set},
                             {"node", pointer, Header::nodes},
                             {"ctl_table_size", u32, Header::count}});
    const auto directory = add("ctl_dir", Directory::size,
                               {{"header", header, Directory::header}, {"root", rb_root, Directory::tree}});
    const auto set =
        add("ctl_table_set", Directory::size + kSetDirectory, {{"dir", directory, kSetDirectory}});
    add("ctl_table_root", 128, {{"default_set", set, kDefaultSet}});
    add("ctl_node", Node::size, {{"header", pointer, Node::header}, {"node", rb_node, Node::hook}});
    add("ctl_table", Table::size,
        {{"procname", pointer, Table::name},
         {"data", pointer, Table::data},
         {"maxlen", u32, Table::length},
         {"mode", u16, Table::mode},
         {"proc_handler", pointer, Table::handler}});
    add("user_namespace", 256, {{"set", set, 32}});
    const auto ns = add("ns_common", 8, {{"inum", u32, 0}});
    add("net", 256, {{"list", list, 16}, {"ns", ns, 40}, {"sysctls", set, kNetSysctls}});
    add("clocksource", 16, {{"mult", u32, 0}, {"shift", u32, 4}});
  }

  Gva net_list_, last_;
  std::map<std::string_view, Gva> handlers_;
  std::map<std::uint64_t, Gva> trees_;
  std::vector<Gva> nets_;
};

}  // namespace ringside::testing
