// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/files.h"

#include <unordered_set>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxDevices = 1u << 16;
constexpr std::uint64_t kMajors =
    255;  // CHRDEV_MAJOR_HASH_SIZE, fs/char_dev.c; struct kobj_map, drivers/base/map.c
constexpr unsigned kMinorBits = 20;

class DeviceReader {
 public:
  DeviceReader(Kernel& kernel, Hooks& into) : kernel_(kernel), into_(into), cdev_(kernel, "cdev") {
    cdev_.add("ops", {"ops"}, Hook::Kind::table);
  }
  std::optional<Error> problem() const { return cdev_.problem(); }

  void cdev(Gva at, Hook like) {
    if (at.value == 0 || !seen_.insert(at.value).second) return;
    if (auto read = cdev_.read(at); !read)
      return into_.problem(read.error().within("character device " + like.name));
    cdev_.append(std::move(like), into_);
  }

  /// chrdevs[]: chains of struct char_device_struct, by major number.
  void registered() {
    const auto array = kernel_.find_symbol("chrdevs");
    if (!array) return;
    ObjectReader entry(kernel_, "char_device_struct");
    const auto next = entry.add("next"), major = entry.add("major"), minor = entry.add("baseminor"),
               name = entry.add("name"), cdev_at = entry.add("cdev");
    if (!entry.missing().empty()) return into_.problem(entry.missing().front().within("chrdevs"));
    std::unordered_set<std::uint64_t> met;
    for (std::uint64_t i = 0; i < kMajors; ++i) {
      auto at = kernel_.read_pointer(*array + i * kernel_.pointer_size());
      while (at && at->value != 0) {
        if (!met.insert(at->value).second || met.size() > kMaxDevices)
          return into_.problem({Errc::malformed, "chrdevs: a chain has no end"});
        if (auto read = entry.read(*at); !read) return into_.problem(read.error().within("chrdevs"));
        Hook like;
        like.group = "chrdevs";
        like.name = entry.text(name).value_or("");
        like.number = static_cast<std::int64_t>(std::uint64_t{entry.u32(major).value_or(0)} << kMinorBits |
                                                entry.u32(minor).value_or(0));
        cdev(entry.pointer(cdev_at).value_or(Gva{0}), std::move(like));
        at = entry.pointer(next).value_or(Gva{0});
      }
      if (!at) return into_.problem(at.error().within("chrdevs"));
    }
  }

  /// cdev_map: what opening a device number leads to; a probe whose `get` is exact_match() has a struct cdev.
  void mapped() {
    const auto map = kernel_.find_symbol("cdev_map");
    const auto probes = kernel_.offset("kobj_map", "probes");
    if (!map || !probes) return;
    // Block devices had a function of the same name.
    std::unordered_set<std::uint64_t> exact;
    for (const std::size_t index : kernel_.symbols().find_all("exact_match"))
      exact.insert(kernel_.symbols().address(index, kernel_.slide()));
    ObjectReader probe(kernel_, "probe");
    const auto next = probe.add("next"), number = probe.add("dev"), get = probe.add("get"),
               data = probe.add("data");
    if (!probe.missing().empty()) return;  // another struct of that name
    const auto at_map = kernel_.read_pointer(*map);
    if (!at_map) return into_.problem(at_map.error().within("cdev_map"));
    std::unordered_set<std::uint64_t> met;
    for (std::uint64_t i = 0; i < kMajors; ++i) {
      auto at = kernel_.read_pointer(*at_map + (*probes + i * kernel_.pointer_size()));
      while (at && at->value != 0) {
        // The last of each chain is the one that finds no device.
        if (met.size() > kMaxDevices)
          return into_.problem({Errc::out_of_bounds, "cdev_map: too many entries"});
        if (!met.insert(at->value).second) break;
        if (auto read = probe.read(*at); !read) return into_.problem(read.error().within("cdev_map"));
        Hook like;
        like.group = "cdev_map";
        like.number = static_cast<std::int64_t>(probe.u32(number).value_or(0));
        const Gva found = probe.pointer(get).value_or(Gva{0});
        if (exact.contains(found.value))
          cdev(probe.pointer(data).value_or(Gva{0}), std::move(like));
        else if (found.value != 0)
          append_get(like, *at, found);
        at = probe.pointer(next).value_or(Gva{0});
      }
      if (!at) return into_.problem(at.error().within("cdev_map"));
    }
  }

  void misc() {
    const auto head = kernel_.find_symbol("misc_list");
    if (!head) return;
    HookReader device(kernel_, "miscdevice");
    device.add("fops", {"fops"}, Hook::Kind::table);
    const auto name = device.object().add("name"), minor = device.object().add("minor");
    if (device.problem()) return into_.problem(device.problem()->within("misc devices"));
    constexpr std::int64_t kMiscMajor = 10;
    each_in_list(kernel_, *head, "miscdevice", "list", "misc devices", into_, [&](Gva at) {
      if (auto read = device.read(at); !read) return into_.problem(read.error().within("misc devices"));
      Hook like;
      like.group = "misc_list";
      like.name = text_at(kernel_, device.object().pointer(name));
      like.number = kMiscMajor << kMinorBits | device.object().u32(minor).value_or(0);
      device.append(std::move(like), into_);
    });
  }

 private:
  void append_get(Hook like, Gva probe, Gva target) {
    const auto offset = kernel_.offset("probe", "get");
    if (!offset || into_.entries.size() >= kMaxHooks) return;
    like.slot = "get";
    like.object = probe;
    like.place = probe + *offset;
    like.target = target;
    into_.entries.push_back(std::move(like));
  }

  Kernel& kernel_;
  Hooks& into_;
  HookReader cdev_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

Result<Hooks> character_devices(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  DeviceReader reader(kernel, hooks);
  if (reader.problem()) return fail(reader.problem()->within("character devices"));
  reader.registered();
  reader.mapped();
  reader.misc();
  return hooks;
}

}  // namespace ringside::guest::linux
