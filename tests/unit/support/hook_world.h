// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"
#include "tests/unit/support/fake_modules.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringside::testing {

/// A kernel with one healthy pointer, or a few, in each of its subsystems, and one live module; in a layout
/// that no release has. Change it before it is looked at.
class HookWorld {
 public:
  using Gva = guest::Gva;
  static constexpr std::uint64_t kText = 0x1000000, kRodata = 0x1400000, kData = 0x1500000;
  static constexpr std::uint64_t kModule = 0xffffffffc0100000, kNobody = 0xffffffffc0500000;

  HookWorld() : kernel(modules.kernel) {
    symbols();
    types();
    const Gva module = modules.add("guard");
    modules.set_region(module, {guest::linux::ModuleRegionKind::text, kModule, 0x1000});
    notifiers();
    network();
    files();
    terminals();
    execution();
    settings();
  }
  HookWorld(const HookWorld&) = delete;
  HookWorld& operator=(const HookWorld&) = delete;

  /// A function of the kernel.
  static std::uint64_t function(unsigned number) { return kText + 0x100 * std::uint64_t{number}; }

  FakeModules modules;
  FakeKernel& kernel;
  // Where the pointers stand that tests change.
  Gva die_block, module_block, netfilter_entries, packet_func, proto_sendmsg, proc_ops, proc_seq_ops,
      seq_show, ldisc_ops, ldisc_receive, tty_ldisc, binfmt_load, timer_function, delayed_func,
      hrtimer_function, work_func, softirq_action, sysrq_handler, irq_handler, input_event, rx_handler,
      modprobe_path, tainted_mask, root_fop, root_pages, root_page_operations, root_iterate, handler_list;

 private:
  /// A variable of the image's data.
  Gva variable(const std::string& name, std::uint64_t size) {
    const Gva at = next_data_;
    next_data_ = next_data_ + ((size + 63) & ~std::uint64_t{63});
    kernel.define(name, at);
    return at;
  }
  Gva rodata(const std::string& name, std::uint64_t size) {
    const Gva at = next_rodata_;
    next_rodata_ = next_rodata_ + ((size + 63) & ~std::uint64_t{63});
    if (!name.empty()) kernel.define(name, at, 'r');
    return at;
  }
  Gva text(const char* words) { return modules.text(words); }
  void put(Gva at, std::uint64_t value) { kernel.put_pointer(at, value); }

  void symbols() {
    kernel.define("_stext", Gva{kText}, 'T');
    for (unsigned n = 1; n < 100; ++n) kernel.define("function_" + std::to_string(n), Gva{function(n)}, 't');
    kernel.define("__start_rodata", Gva{kRodata}, 'R');
    kernel.define("__end_rodata", Gva{kData}, 'R');
    kernel.define("exact_match", Gva{function(90)}, 't');
    kernel.define("delayed_work_timer_fn", Gva{function(91)}, 'T');
  }

  using Id = BtfWriter::Id;
  struct Part {
    const char* name;
    Id type;
    std::uint32_t size, align;
  };
  std::uint32_t define(const char* name, const std::vector<Part>& parts, Id* id = nullptr) {
    StructWriter writer(kernel.btf_writer(), name);
    for (const Part& part : parts) writer.add(part.name, part.type, part.size, part.align);
    const auto size = writer.size();
    const Id made = writer.finish();
    if (id != nullptr) *id = made;
    return size;
  }
  void types() {
    auto& btf = kernel.btf_writer();
    i32_ = btf.integer("int", 4, true);
    const Id u16 = btf.integer("unsigned short", 2), u8 = btf.integer("char", 1);
    ptr_ = btf.pointer(0);
    fn_ = btf.pointer(btf.function_proto(0, {}));
    const Id alias = btf.typedef_("handler_t", fn_);
    const auto f = [&](const char* name) { return Part{name, fn_, 8, 8}; };
    const auto p = [&](const char* name) { return Part{name, ptr_, 8, 8}; };
    const auto i = [&](const char* name) { return Part{name, i32_, 4, 4}; };
    const auto s = [&](const char* name) { return Part{name, u16, 2, 2}; };
    const auto c = [&](const char* name, std::uint32_t n) { return Part{name, btf.array(u8, n), n, 1}; };
    Id list = 0, hnode = 0, hhead = 0, rnode = 0, rroot = 0, xarray = 0, sem = 0, raw = 0;
    define("list_head", {p("next"), p("prev")}, &list);
    define("hlist_node", {p("next"), p("pprev")}, &hnode);
    define("hlist_head", {p("first")}, &hhead);
    define("rb_node", {p("parent"), p("rb_right"), p("rb_left")}, &rnode);
    define("rb_root", {p("rb_node")}, &rroot);
    const auto l = [&](const char* name) { return Part{name, list, 16, 8}; };
    const auto part = [&](const char* name, Id type, std::uint32_t size) {
      return Part{name, type, size, 8};
    };

    define("notifier_block", {Part{"notifier_call", alias, 8, 8}, p("next"), i("priority")});
    define("raw_notifier_head", {p("head")}, &raw);
    define("atomic_notifier_head", {i("lock"), p("head")});
    define("rw_semaphore", {p("count"), p("owner"), l("wait_list")}, &sem);
    define("blocking_notifier_head", {part("rwsem", sem, 32), p("head")});
    Id ns = 0, nf = 0;
    define("ns_common", {i("inum")}, &ns);
    define("netns_nf", {part("hooks_ipv4", btf.array(ptr_, 5), 40)}, &nf);
    net_size_ = define("net", {l("list"), part("ns", ns, 4), part("netdev_chain", raw, 8), part("nf", nf, 40),
                               l("dev_base_head"), p("proc_net")});
    Id entry = 0;
    define("nf_hook_entry", {f("hook"), p("priv")}, &entry);
    define("nf_hook_entries", {s("num_hook_entries"), part("hooks", btf.array(entry, 0), 0)});
    define("nf_hook_ops", {i("priority")});
    define("net_device", {c("name", 16), l("dev_list"), p("netdev_ops"), f("rx_handler"),
                          p("nf_hooks_ingress"), l("ptype_all")});
    define("packet_type", {s("type"), p("dev"), f("func"), l("list")});
    define("proto", {f("sendmsg"), f("close"), c("name", 32), l("node")});
    define("net_protocol", {f("handler"), f("err_handler")});
    define("proc_dir_entry", {p("proc_iops"), p("proc_ops"), p("proc_dops"), p("seq_ops"), f("write"),
                              part("subdir", rroot, 8), part("subdir_node", rnode, 24), p("name")});
    define("seq_operations", {f("start"), f("stop"), f("next"), f("show")});
    define("super_block", {l("s_list"), p("s_op"), p("s_root"), p("s_type")});
    define("dentry", {p("d_op"), p("d_inode")});
    Id mapping = 0;
    define("address_space", {p("host"), p("a_ops")}, &mapping);
    define("inode", {p("i_op"), p("i_fop"), p("i_sb"), p("i_mapping"), part("i_data", mapping, 16)});
    define("address_space_operations", {f("writepage"), f("read_folio")});
    define("file", {p("f_op"), p("f_inode")});
    define("file_operations", {f("read"), f("iterate_shared")});
    define("file_system_type", {p("name"), f("kill_sb"), p("next")});
    define("linux_binfmt", {l("lh"), f("load_binary")});
    define("cdev", {p("ops")});
    define("char_device_struct", {p("next"), i("major"), i("baseminor"), c("name", 64), p("cdev")});
    define("miscdevice", {i("minor"), p("name"), p("fops"), l("list")});
    define("tty_ldisc_ops", {p("name"), f("read"), f("receive_buf")});
    define("tty_driver", {l("tty_drivers"), p("name"), i("num"), p("ttys"), p("ops")});
    define("tty_struct", {p("ops"), p("ldisc"), c("name", 64)});
    define("tty_ldisc", {p("ops")});
    define("sysrq_key_op", {f("handler"), p("help_msg")});
    define("input_handler", {p("name"), f("event"), f("filter"), l("node")});
    Id work = 0, timer = 0, clock = 0;
    define("work_struct", {p("data"), l("entry"), f("func")}, &work);
    define("timer_list", {part("entry", hnode, 16), f("function")}, &timer);
    define("delayed_work", {part("work", work, 32), part("timer", timer, 24)});
    define("timer_base", {p("lock"), part("vectors", btf.array(hhead, 4), 32)});
    define("hrtimer", {part("node", rnode, 24), f("function")});
    define("hrtimer_clock_base", {p("seq"), part("active", rroot, 8)}, &clock);
    define("hrtimer_cpu_base", {p("lock"), part("clock_base", btf.array(clock, 2), 32)});
    define("xarray", {p("xa_head")}, &xarray);
    define("xa_node",
           {c("shift", 1), c("offset", 1), c("count", 1), part("slots", btf.array(ptr_, 64), 512)});
    define("idr", {p("lock"), part("idr_rt", xarray, 8)});
    define("worker_pool", {l("worklist"), l("workers")});
    define("worker", {l("node"), f("current_func")});
    define("tasklet_struct", {p("next"), f("func")});
    Id llist = 0;
    define("llist_node", {p("next")}, &llist);
    define("irq_work", {part("llnode", llist, 8), f("func")});
    define("irq_desc", {f("handle_irq"), p("action")});
    define("irqaction", {f("handler"), f("thread_fn"), p("next"), p("name")});
    define("softirq_action", {f("action")});
    btf.enum_("system_states", {{"SYSTEM_BOOTING", 0}, {"SYSTEM_RUNNING", 3}});
  }

  void notifiers() {
    const auto block = [&](std::uint64_t call, std::int32_t priority) {
      const Gva at = kernel.allocate(24);
      put(at, call);
      kernel.put(at + 16, priority);
      return at;
    };
    die_block = block(function(2), 0x7fffffff);
    const Gva second = block(kModule + 0x10, -3);
    put(die_block + 8, second.value);
    put(variable("die_chain", 16) + 8, die_block.value);
    module_block = block(function(3), 0);
    const auto blocking = [&](const char* name, Gva first) {
      const Gva head = variable(name, 40);
      kernel.put_list(head + 16, {});
      put(head + 32, first.value);
    };
    blocking("module_notify_list", module_block);
    blocking("an_unknown_chain", block(function(4), 1));
    put(variable("not_a_notifier", 24), function(5));  // a notifier_block by name, and no chain
  }

  void network() {
    namespaces_ = variable("net_namespace_list", 16);
    const Gva net = kernel.allocate(net_size_);
    kernel.put_list(namespaces_, std::vector<Gva>{net});
    kernel.put(net + 16, std::uint32_t{4026531840});
    netfilter_entries = kernel.allocate(8 + 2 * 16 + 2 * 8);
    kernel.put(netfilter_entries, std::uint16_t{2});
    put(netfilter_entries + 8, function(6));
    put(netfilter_entries + 24, kModule + 0x20);
    for (std::uint64_t n = 0; n < 2; ++n) {
      const Gva operations = kernel.allocate(8);
      kernel.put(operations, static_cast<std::int32_t>(n == 0 ? -200 : 300));
      put(netfilter_entries + (40 + 8 * n), operations.value);
    }
    put(net + 32 + 8, netfilter_entries.value);  // LOCAL_IN
    const Gva device = kernel.allocate(128);
    kernel.put_string(device, "eth0");
    kernel.put_list(net + 72, std::vector<Gva>{device + 16});
    put(device + 32, rodata("eth_ops", 64).value);
    rx_handler = device + 40;
    put(rx_handler, kModule + 0x30);
    kernel.put_list(device + 56, {});
    const Gva base = variable("ptype_base", 16 * 16);
    const Gva type = kernel.allocate(48);
    for (std::uint64_t n = 0; n < 16; ++n)
      kernel.put_list(base + 16 * n, n == 3 ? std::vector<Gva>{type + 24} : std::vector<Gva>{});
    kernel.put(type, std::uint16_t{0x0008});
    packet_func = type + 16;
    put(packet_func, function(7));
    kernel.put_list(variable("ptype_all", 16), {});
    const Gva proto = kernel.allocate(64);
    proto_sendmsg = proto;
    put(proto, function(8));
    put(proto + 8, function(9));
    kernel.put_string(proto + 16, "TCP");
    kernel.put_list(variable("proto_list", 16), std::vector<Gva>{proto + 48});
    const Gva handler = rodata("tcp_protocol", 16);
    put(handler, function(10));
    put(variable("inet_protos", 256 * 8) + 8 * 6, handler.value);
  }

  /// A red-black tree of one node.
  void plant(Gva root, Gva node) { put(root, node.value); }

  void files() {
    const Gva sequence_ops = rodata("proc_seq_ops", 64), tables = rodata("tcp4_seq_ops", 32);
    const Gva root = variable("proc_root", 96), entry = kernel.allocate(96), inner = kernel.allocate(96);
    plant(root + 40, entry + 48);
    put(entry, rodata("proc_dir_inode_operations", 64).value);
    put(entry + 72, text("net").value);
    plant(entry + 40, inner + 48);
    proc_ops = inner + 8;
    put(proc_ops, sequence_ops.value);
    proc_seq_ops = inner + 24;
    put(proc_seq_ops, tables.value);
    put(inner + 72, text("tcp").value);
    for (std::uint64_t n = 0; n < 4; ++n) put(tables + 8 * n, function(20 + static_cast<unsigned>(n)));
    seq_show = tables + 24;
    const Gva super = kernel.allocate(48), dentry = kernel.allocate(16), inode = kernel.allocate(48),
              type = variable("ext4_fs_type", 24);
    kernel.put_list(variable("super_blocks", 16), std::vector<Gva>{super});
    put(super + 16, rodata("ext4_sops", 64).value);
    put(super + 24, dentry.value);
    put(super + 32, type.value);
    put(dentry + 8, inode.value);
    put(inode, rodata("ext4_dir_inode_operations", 64).value);
    root_fop = inode + 8;
    const Gva operations = rodata("ext4_dir_operations", 64);
    put(root_fop, operations.value);
    root_pages = inode + 24;
    put(root_pages, (inode + 32).value);
    root_page_operations = inode + 40;
    root_iterate = operations + 8;
    put(root_iterate, function(45));
    put(type, text("ext4").value);
    put(type + 8, function(26));
    put(variable("file_systems", 8), type.value);
    const Gva script = variable("script_format", 24);
    binfmt_load = script + 16;
    put(binfmt_load, function(27));
    kernel.put_list(variable("formats", 16), std::vector<Gva>{script});
    const Gva misc = variable("a_misc", 64);
    put(misc + 8, text("rtc").value);
    put(misc + 16, rodata("rtc_fops", 64).value);
    kernel.put_list(variable("misc_list", 16), std::vector<Gva>{misc + 24});
  }

  void terminals() {
    ldisc_ops = variable("n_tty_ops", 24);
    put(ldisc_ops, text("n_tty").value);
    put(ldisc_ops + 8, function(30));
    ldisc_receive = ldisc_ops + 16;
    put(ldisc_receive, function(31));
    put(variable("tty_ldiscs", 30 * 8), ldisc_ops.value);
    const Gva driver = kernel.allocate(64), array = kernel.allocate(16), tty = kernel.allocate(96);
    kernel.put_list(variable("tty_drivers", 16), std::vector<Gva>{driver});
    put(driver + 16, text("ttyS").value);
    kernel.put(driver + 24, std::int32_t{2});
    put(driver + 32, array.value);
    const Gva operations = rodata("uart_ops", 64);
    put(driver + 40, operations.value);
    put(array, tty.value);
    put(tty, operations.value);
    tty_ldisc = kernel.allocate(8);
    put(tty + 8, tty_ldisc.value);
    put(tty_ldisc, ldisc_ops.value);
    kernel.put_string(tty + 16, "ttyS0");
    const Gva key = rodata("sysrq_reboot_op", 16), table = variable("sysrq_key_table", 36 * 8);
    sysrq_handler = key;
    put(key, function(32));
    put(table + 8 * 11, key.value);  // b
    const Gva handler = variable("kbd_handler", 40);
    handler_list = variable("input_handler_list", 16);
    put(handler, text("kbd").value);
    input_event = handler + 8;
    put(input_event, function(33));
    kernel.put_list(handler_list, std::vector<Gva>{handler + 24});
  }

  void execution() {
    kernel.set_per_cpu_offsets({0, 0x1000});
    next_data_ = Gva{0x1600000};  // the second CPU's variables stand 4 KiB above
    const Gva bases = variable("timer_bases", 80), timer = kernel.allocate(24), delayed = kernel.allocate(56);
    put(bases + 40 + 8, timer.value);              // bucket 0 of the second base
    put(bases + 8 + 8 * 3, (delayed + 32).value);  // bucket 3 of the first
    timer_function = timer + 16;
    put(timer_function, function(40));
    put(delayed + 32 + 16, function(91));
    delayed_func = delayed + 24;
    put(delayed_func, function(41));
    const Gva clocks = variable("hrtimer_bases", 64), precise = kernel.allocate(32);
    hrtimer_function = precise + 24;
    put(hrtimer_function, function(42));
    plant(clocks + 8 + 16 + 8, precise);
    const Gva pools = variable("worker_pool_idr", 16), pool = kernel.allocate(32), work = kernel.allocate(32);
    put(pools + 8, pool.value);
    kernel.put_list(pool, std::vector<Gva>{work + 8});
    kernel.put_list(pool + 16, {});
    work_func = work + 24;
    put(work_func, kModule + 0x40);
    softirq_action = variable("softirq_vec", 80);
    for (std::uint64_t n = 0; n < 10; ++n)
      put(softirq_action + 8 * n, function(50 + static_cast<unsigned>(n)));
    const Gva interrupts = variable("irq_desc_tree", 8), descriptor = kernel.allocate(16),
              action = kernel.allocate(32);
    put(interrupts, descriptor.value);
    put(descriptor, function(60));
    put(descriptor + 8, action.value);
    irq_handler = action;
    put(irq_handler, function(61));
    put(action + 24, text("timer").value);
  }

  void settings() {
    kernel.put(variable("system_state", 4), std::uint32_t{3});
    modprobe_path = variable("modprobe_path", 256);
    kernel.put_string(modprobe_path, "/sbin/modprobe");
    kernel.put_string(variable("core_pattern", 128), "core");
    kernel.put(variable("kptr_restrict", 4), std::int32_t{-1});
    kernel.put(variable("kernel_set_to_readonly", 4), std::int32_t{1});
    variable("modules_disabled", 4);
    tainted_mask = variable("tainted_mask", 8);
  }

  Id ptr_ = 0, fn_ = 0, i32_ = 0;
  std::uint32_t net_size_ = 0;
  Gva namespaces_, next_data_{kData}, next_rodata_{kRodata + 0x1000};
};

}  // namespace ringside::testing
