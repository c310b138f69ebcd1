// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/untyped_kernel_world.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ringside::testing {

/// Where members stand in the objects of a made-up 32-bit kernel: not as in any real one.
struct UntypedLayout {
  std::uint32_t state = 16, stack = 20, flags = 28, prio = 72, policy = 120, tasks = 200, mm = 240,
                exit_signal = 276, pid = 340, real_parent = 352, children = 360, sibling = 368,
                group_leader = 376, thread_pid = 400, thread_node = 448, start_time = 500, real_cred = 600,
                comm = 612, fs = 652, files = 656, nsproxy = 664, signal = 668;
  std::uint32_t thread_head = 16, pid_numbers = 52, user_ns = 108, group_info = 116, fs_root = 20, fdt = 20;
  std::uint32_t pgd = 28, start_code = 136, owner = 484, exe_file = 492;
  std::uint32_t srcversion = 132, exports = 148, parameters = 184, core_layout = 256, bug_list = 360,
                kallsyms = 372, source_list = 508;

  /// The same, moved by `bytes` from the middle of task_struct on.
  UntypedLayout moved(std::uint32_t bytes) const {
    UntypedLayout other = *this;
    for (std::uint32_t* member :
         {&other.pid,        &other.real_parent, &other.children,   &other.sibling,   &other.group_leader,
          &other.thread_pid, &other.thread_node, &other.start_time, &other.real_cred, &other.comm,
          &other.fs,         &other.files,       &other.nsproxy,    &other.signal,    &other.owner,
          &other.exe_file,   &other.core_layout, &other.bug_list,   &other.kallsyms,  &other.source_list})
      *member += bytes;
    return other;
  }
};

/// Fills a world with what a small running system holds: tasks 0 to 8, of which 1, 5, 6 and 7 are processes,
/// 6 has two threads and 8 is a zombie, and three modules, of which the second uses the first.
class UntypedObjects {
 public:
  UntypedObjects(UntypedKernelWorld& world, const UntypedLayout& layout) : w(world), at(layout) {
    put_variables();
    put_file_system();
    put_tasks();
    put_modules();
    w.finish();
  }

  std::uint32_t init_task = 0, cred = 0, modules = 0, command_line = 0;
  std::vector<std::uint32_t> tasks;  ///< that follow init_task
  std::vector<std::uint32_t> module_objects;

 private:
  void put_variables() {
    init_task = w.variable(2560);
    w.export_symbol("init_task", init_task);
    w.export_symbol("init_net", net_ = w.variable(64));
    w.export_symbol("init_pid_ns", pid_namespace_ = w.variable(64));
    w.export_symbol("init_user_ns", user_namespace_ = w.variable(64));
    uts_ = w.variable(64);
    const std::uint32_t info = w.variable(4), text = w.allocate(4096, 4096);
    w.put(info, text);
    w.put_text(text, "OSRELEASE=6.1.0-fake\nSYMBOL(init_uts_ns)=" + to_hex_number(uts_) + "\nNUMBER(x)=1\n");
    w.define_function("vmcoreinfo_append_str", {info, w.variable(4)});
    command_line = w.variable(4);
    w.put(command_line, w.allocate(64));
    w.define_function("cmdline_proc_show", {command_line});
    modules = w.variable(8);
    w.define_function("m_start", {modules});
    w.define_function("m_next", {w.variable(8), modules});
    w.define_function("print_modules", {modules, UntypedKernelWorld::kText});
  }
  static std::string to_hex_number(std::uint32_t value) { return hex_address(value).substr(2); }

  std::uint32_t put_dentry(std::uint32_t parent, std::string_view name, std::uint32_t inode) {
    const std::uint32_t dentry = w.allocate(128);
    w.put(dentry + 16, parent == 0 ? dentry : parent);
    w.put(dentry + 24, static_cast<std::uint32_t>(name.size()));
    w.put(dentry + 28, dentry + 36);
    w.put(dentry + 32, inode);
    w.put_text(dentry + 36, name);
    return dentry;
  }
  std::uint32_t put_file(std::string_view name) {
    const std::uint32_t file = w.allocate(160), inode = w.allocate(64);
    w.put(file + 8, mount_ + 16);
    w.put(file + 12, put_dentry(root_, name, inode));
    w.put(file + 16, inode);
    w.put(file + 20, UntypedKernelWorld::kData);
    return file;
  }
  void put_file_system() {
    mount_ = w.allocate(128);
    root_ = put_dentry(0, "/", w.allocate(64));
    w.put(mount_ + 8, mount_);
    w.put(mount_ + 12, root_);
    w.put(mount_ + 16, root_);
    fs_ = w.allocate(64);
    for (std::uint32_t path = at.fs_root; path < at.fs_root + 16; path += 8) {
      w.put(fs_ + path, mount_ + 16);
      w.put(fs_ + path + 4, root_);
    }
    proxy_ = w.allocate(64);
    w.put(proxy_, 5u);
    w.put(proxy_ + 4, uts_);
    w.put(proxy_ + 16, pid_namespace_);
    w.put(proxy_ + 20, net_);
    cred = put_cred(0);
  }
  std::uint32_t put_cred(std::uint32_t user) {
    const std::uint32_t made = w.allocate(128), groups = w.allocate(16);
    w.put(made, 3u);
    for (std::uint32_t id = 4; id < 36; id += 4) w.put(made + id, user);
    for (const std::uint32_t set : {48, 56, 64}) w.put(made + set, user == 0 ? 0x1ffffffffffull : 0ull);
    w.put(made + at.user_ns, user_namespace_);
    w.put(made + at.group_info, groups);
    w.put(groups, 2u);
    return made;
  }
  std::uint32_t put_files() {
    const std::uint32_t files = w.allocate(256), table = files + at.fdt + 4, array = files + 84;
    w.put(files + at.fdt, table);
    w.put(table, 32u);
    w.put(table + 4, array);
    w.put(table + 8, files + 72);
    w.put(table + 12, files + 76);
    w.put(array, put_file("null"));
    return files;
  }
  std::uint32_t put_mm(std::uint32_t task, const std::string& program) {
    const std::uint32_t mm = w.allocate(720);
    w.put(mm + at.pgd, UntypedKernelWorld::kPageDirectory);
    const std::array<std::uint32_t, 15> words{0x8048000,  0x80f0000,  0x80f1000,  0x80f2000,  0x80f3000,
                                              0x8100000,  0xbff00100, 0xbff00200, 0xbff00220, 0xbff00220,
                                              0xbff00300, 32,         0xb7fff000, 33,         0xb7ffe000};
    for (std::uint32_t i = 0; i < words.size(); ++i) w.put(mm + at.start_code + 4 * i, words[i]);
    w.put(mm + at.owner, task);
    w.put(mm + at.owner + 4, user_namespace_);
    w.put(mm + at.exe_file, put_file(program));
    return mm;
  }

  struct Kind {
    const char* name;
    bool process = false, zombie = false;
    std::uint32_t state = 1, real_time = 0, threads = 1;
  };

  void put_task(std::uint32_t task, std::uint32_t pid, std::uint32_t tgid, const Kind& kind) {
    w.put(task + at.state, kind.state);
    if (!kind.zombie) {
      const std::uint32_t stack = w.allocate(8192, 8192);
      w.put(stack, 0x57ac6e9du);
      w.put(task + at.stack, stack);
      w.put(task + at.files, put_files());
      w.put(task + at.fs, fs_);
      w.put(task + at.nsproxy, proxy_);
    }
    w.put(task + at.flags, kind.process ? 0x400100u : kind.zombie ? 0x40010cu : 0x200040u);
    w.put(task + at.prio, kind.real_time != 0 ? 99 - kind.real_time : 120);
    w.put(task + at.prio + 4, 120u);
    w.put(task + at.prio + 8, kind.real_time != 0 ? 99 - kind.real_time : 120);
    w.put(task + at.prio + 12, kind.real_time);
    w.put(task + at.policy, kind.real_time != 0 ? 1u : 0u);
    if (kind.process) {
      const std::uint32_t mm = put_mm(task, kind.name);
      w.put(task + at.mm, mm);
      w.put(task + at.mm + 4, mm);
    }
    w.put(task + at.exit_signal - 8, kind.zombie ? 0x20u : 0u);
    w.put(task + at.exit_signal, pid == 0 || pid == 2 ? 0u : 17u);
    w.put(task + at.pid, pid);
    w.put(task + at.pid + 4, tgid);
    w.put(task + at.start_time, std::uint64_t{300'000'000} * pid);
    w.put(task + at.start_time + 8, std::uint64_t{300'000'000} * pid + 10);
    w.put(task + at.real_cred, cred);
    w.put(task + at.real_cred + 4, cred);
    w.put_text(task + at.comm, kind.name);
    const std::uint32_t number = w.allocate(64);
    w.put(number, 1u);
    w.put(number + at.pid_numbers, pid);
    w.put(number + at.pid_numbers + 4, pid_namespace_);
    w.put(task + at.thread_pid, number);
  }

  void put_tasks() {
    const std::vector<Kind> kinds{{"swapper/0"},
                                  {"init", true},
                                  {"kthreadd"},
                                  {"kworker/0:0", false, false, 0x402},
                                  {"migration/0", false, false, 1, 99},
                                  {"sh", true},
                                  {"server", true, false, 1, 0, 2},
                                  {"sleep", true},
                                  {"dead", false, true, 0x80}};
    std::vector<std::uint32_t> all{init_task};
    for (std::size_t i = 1; i < kinds.size(); ++i) all.push_back(w.allocate(2560));
    tasks.assign(all.begin() + 1, all.end());
    std::vector<std::uint32_t> links;
    for (const std::uint32_t task : tasks) links.push_back(task + at.tasks);
    w.put_list(init_task + at.tasks, links);
    for (std::uint32_t pid = 0; pid < all.size(); ++pid) {
      const Kind& kind = kinds[pid];
      put_task(all[pid], pid, pid, kind);
      w.put(all[pid] + at.real_parent, pid <= 2 ? init_task : all[1]);
      w.put(all[pid] + at.real_parent + 4, pid <= 2 ? init_task : all[1]);
      w.put_list(all[pid] + at.children, {});
      w.put_list(all[pid] + at.sibling, {});
      put_threads(all[pid], pid, kind);
    }
    w.put_list(init_task + at.children, {all[1] + at.sibling, all[2] + at.sibling});
  }

  void put_threads(std::uint32_t leader, std::uint32_t pid, const Kind& kind) {
    const std::uint32_t signal = w.allocate(64);
    std::vector<std::uint32_t> threads{leader};
    for (std::uint32_t i = 1; i < kind.threads; ++i) {
      threads.push_back(w.allocate(2560));
      put_task(threads.back(), 100 + i, pid, kind);
    }
    std::vector<std::uint32_t> nodes, others;
    for (const std::uint32_t thread : threads) {
      w.put(thread + at.group_leader, leader);
      w.put(thread + at.signal, signal);
      nodes.push_back(thread + at.thread_node);
      if (thread != leader) others.push_back(thread + at.thread_node - 8);
    }
    w.put(signal, 1u);
    w.put(signal + 8, kind.threads);
    w.put_list(signal + at.thread_head, nodes);
    w.put_list(leader + at.thread_node - 8, others);
  }

  void put_modules() {
    std::vector<std::uint32_t> links, bugs;
    for (const std::string name : {"first", "second", "third"}) {
      const std::uint32_t base = w.allocate(0x4000, 4096), module = base + 0x1000;
      module_objects.push_back(module);
      links.push_back(module + 4);
      bugs.push_back(module + at.bug_list);
      w.put_text(module + 12, name);
      const std::uint32_t copy = w.allocate(64);
      w.put_text(copy, name);
      w.put(module + 72, copy);
      w.put(module + 108, module);
      w.put(module + at.core_layout, base);
      for (std::uint32_t i = 1; i < 5; ++i)
        w.put(module + at.core_layout + 4 * i, i == 1 ? 0x4000u : 0x1000u);
      w.put(module + at.core_layout + 20, module);
      w.put(module + at.core_layout + 68, module);
      w.put(module + at.kallsyms, module + at.kallsyms + 4);
      w.put(module + at.kallsyms + 4, base + 0x3000);
      w.put(module + at.kallsyms + 8, 10u);
      w.put(module + at.kallsyms + 12, base + 0x3800);
      w.put(module + at.source_list + 16, base);
      w.put(module + at.source_list + 20, 1u);
      put_sections(module);
      const std::uint32_t arguments = w.allocate(64);
      w.put_text(arguments, name == "first" ? "debug=1" : "");
      w.put(module + at.kallsyms + 28, arguments);
    }
    put_parameter(module_objects[0]);
    put_export(module_objects[1], module_objects[1] - 0x1000 + 0x40);
    const std::uint32_t version = w.allocate(64);
    w.put_text(version, "1.0");
    w.put_text(version + 8, "858F9FE9D8FAAD51AA431FC");
    w.put(module_objects[0] + at.srcversion - 4, version);
    w.put(module_objects[0] + at.srcversion, version + 8);
    w.put_list(modules, links);
    w.put_list(w.variable(8), bugs);
    // The second uses the first.
    const std::uint32_t use = w.allocate(24);
    for (std::size_t i = 0; i < module_objects.size(); ++i) {
      using Nodes = std::vector<std::uint32_t>;
      w.put_list(module_objects[i] + at.source_list, i == 0 ? Nodes{use} : Nodes{});
      w.put_list(module_objects[i] + at.source_list + 8, i == 1 ? Nodes{use + 8} : Nodes{});
    }
    w.put(use + 16, module_objects[1]);
    w.put(use + 20, module_objects[0]);
  }

  /// struct module_sect_attrs with two sections.
  void put_sections(std::uint32_t module) {
    constexpr std::uint32_t kFirst = 24, kEach = 36;
    const std::uint32_t group = w.allocate(kFirst + 2 * kEach), list = w.allocate(12), name = w.allocate(64);
    w.put_text(name, "sections");
    w.put(group, name);
    w.put(group + 16, list);
    w.put(group + 20, 2u);
    w.put(list, group + kFirst);
    w.put(list + 4, group + kFirst + kEach);
    w.put(module + at.kallsyms + 20, group);
  }

  /// struct kernel_param.
  void put_parameter(std::uint32_t module) {
    const std::uint32_t one = w.allocate(20), name = w.allocate(64);
    w.put_text(name, "debug");
    w.put(one, name);
    w.put(one + 4, module);
    w.put(module + at.parameters, one);
    w.put(module + at.parameters + 4, 1u);
  }

  /// struct kernel_symbol of the function at `gva`.
  void put_export(std::uint32_t module, std::uint32_t gva) {
    const std::uint32_t one = w.allocate(12), name = w.allocate(64);
    w.put_text(name, "second_function");
    w.put(one, gva - one);
    w.put(one + 4, name - (one + 4));
    w.put(module + at.exports, one);
    w.put(module + at.exports + 8, 1u);
  }

  UntypedKernelWorld& w;
  UntypedLayout at;
  std::uint32_t user_namespace_ = 0, pid_namespace_ = 0, net_ = 0, uts_ = 0;
  std::uint32_t mount_ = 0, root_ = 0, fs_ = 0, proxy_ = 0;
};

}  // namespace ringside::testing
