// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/recovered_types.h"

#include "tests/unit/support/untyped_objects.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringside::guest::linux {
namespace {

using testing::UntypedKernelWorld;
using testing::UntypedLayout;
using testing::UntypedObjects;

struct System {
  explicit System(const UntypedLayout& made = {}) : layout(made), objects(world, made) {}

  UntypedKernelWorld world;
  UntypedLayout layout;
  UntypedObjects objects;

  std::shared_ptr<const RecoveredTypes> recover() {
    auto types = recover_types(world);
    EXPECT_TRUE(types) << types.error().message;
    return types ? *types : std::make_shared<const RecoveredTypes>();
  }
};

std::uint32_t offset(const RecoveredTypes& types, std::string_view type, std::string_view path) {
  const auto field = types.field(type, path);
  return field ? field->offset : ~0u;
}

std::string all_missing(const RecoveredTypes& types) {
  std::string all;
  for (const auto& one : types.missing()) all += one + "\n";
  return all;
}

bool is_missing(const RecoveredTypes& types, std::string_view what) {
  return all_missing(types).find(what) != std::string::npos;
}

TEST(RecoveredTypes, WorksOutTheLayoutWhereverMembersStand) {
  for (const UntypedLayout& layout : {UntypedLayout{}, UntypedLayout{}.moved(8), UntypedLayout{}.moved(20)}) {
    System system(layout);
    const auto types = system.recover();
    EXPECT_EQ(all_missing(*types), "");
    const std::pair<const char*, std::uint32_t> members[] = {{"tasks", layout.tasks},
                                                             {"__state", layout.state},
                                                             {"stack", layout.stack},
                                                             {"flags", layout.flags},
                                                             {"prio", layout.prio},
                                                             {"static_prio", layout.prio + 4},
                                                             {"rt_priority", layout.prio + 12},
                                                             {"policy", layout.policy},
                                                             {"mm", layout.mm},
                                                             {"active_mm", layout.mm + 4},
                                                             {"exit_state", layout.exit_signal - 8},
                                                             {"exit_code", layout.exit_signal - 4},
                                                             {"pid", layout.pid},
                                                             {"tgid", layout.pid + 4},
                                                             {"real_parent", layout.real_parent},
                                                             {"parent", layout.real_parent + 4},
                                                             {"children", layout.children},
                                                             {"sibling", layout.sibling},
                                                             {"group_leader", layout.group_leader},
                                                             {"thread_pid", layout.thread_pid},
                                                             {"thread_group", layout.thread_node - 8},
                                                             {"thread_node", layout.thread_node},
                                                             {"start_time", layout.start_time},
                                                             {"start_boottime", layout.start_time + 8},
                                                             {"real_cred", layout.real_cred},
                                                             {"cred", layout.real_cred + 4},
                                                             {"comm", layout.comm},
                                                             {"fs", layout.fs},
                                                             {"files", layout.files},
                                                             {"nsproxy", layout.nsproxy},
                                                             {"signal", layout.signal}};
    for (const auto& [name, expected] : members)
      EXPECT_EQ(offset(*types, "task_struct", name), expected) << name;
    EXPECT_EQ(offset(*types, "signal_struct", "thread_head"), layout.thread_head);
    EXPECT_EQ(offset(*types, "pid", "numbers"), layout.pid_numbers);
    EXPECT_EQ(offset(*types, "cred", "user_ns"), layout.user_ns);
    EXPECT_EQ(offset(*types, "cred", "group_info"), layout.group_info);
    EXPECT_EQ(offset(*types, "mm_struct", "pgd"), layout.pgd);
    EXPECT_EQ(offset(*types, "mm_struct", "arg_start"), layout.start_code + 28);
    EXPECT_EQ(offset(*types, "mm_struct", "env_end"), layout.start_code + 40);
    EXPECT_EQ(offset(*types, "mm_struct", "owner"), layout.owner);
    EXPECT_EQ(offset(*types, "mm_struct", "exe_file"), layout.exe_file);
    EXPECT_EQ(offset(*types, "fs_struct", "pwd"), layout.fs_root + 8);
    EXPECT_EQ(offset(*types, "files_struct", "fdt"), layout.fdt);
    EXPECT_EQ(offset(*types, "module", "core_layout"), layout.core_layout);
    EXPECT_EQ(offset(*types, "module", "init_layout"), layout.core_layout + 48);
    EXPECT_EQ(offset(*types, "module", "srcversion"), layout.srcversion);
    EXPECT_EQ(offset(*types, "module", "taints"), layout.bug_list - 8);
    EXPECT_EQ(offset(*types, "module", "kallsyms"), layout.kallsyms);
    EXPECT_EQ(offset(*types, "module", "sect_attrs"), layout.kallsyms + 20);
    EXPECT_EQ(offset(*types, "module", "args"), layout.kallsyms + 28);
    EXPECT_EQ(offset(*types, "module", "kp"), layout.parameters);
    EXPECT_EQ(offset(*types, "module", "syms"), layout.exports);
    EXPECT_EQ(offset(*types, "module", "source_list"), layout.source_list);
    EXPECT_EQ(offset(*types, "module", "refcnt"), layout.source_list + 20);
  }
}

TEST(RecoveredTypes, GoesThroughNestedStructsAndArrays) {
  System system;
  const auto types = system.recover();
  const UntypedLayout& at = system.layout;
  EXPECT_EQ(offset(*types, "task_struct", "tasks.prev"), at.tasks + 4);
  EXPECT_EQ(offset(*types, "module", "core_layout.text_size"), at.core_layout + 8);
  EXPECT_EQ(offset(*types, "file", "f_path.dentry"), 12u);
  EXPECT_EQ(offset(*types, "cred", "cap_effective.cap[1]"), 60u);
  EXPECT_EQ(offset(*types, "pid", "numbers[0].nr"), at.pid_numbers);
  const auto character = types->field("task_struct", "comm[3]");
  ASSERT_TRUE(character);
  EXPECT_EQ(character->offset, at.comm + 3);
  EXPECT_EQ(character->size, 1u);
  EXPECT_EQ(types->field("task_struct", "comm[16]").error().code, Errc::not_found);
  EXPECT_EQ(*types->size_of("list_head"), 8u);
  EXPECT_EQ(*types->enumerator("", "MODULE_STATE_UNFORMED"), 3);
}

TEST(RecoveredTypes, NamesWhatItDoesNotKnow) {
  const RecoveredTypes types;
  for (const auto path : {"utime", "", ".", "a[", "a[x]", "a.b.c", "[0]", "a[99999999999999999999]"}) {
    const auto field = types.field("task_struct", path);
    ASSERT_FALSE(field);
    EXPECT_EQ(field.error().code, Errc::unavailable);
  }
  EXPECT_NE(types.field("task_struct", "utime").error().message.find("`utime` of struct task_struct"),
            std::string::npos);
  EXPECT_EQ(types.size_of("task_struct").error().code, Errc::unavailable);
  EXPECT_EQ(types.enumerator("system_states", "SYSTEM_RUNNING").error().code, Errc::unavailable);
}

TEST(RecoveredTypes, LeavesOutWhatFitsInTwoPlaces) {
  System system;
  auto all = system.objects.tasks;
  all.push_back(system.objects.init_task);
  // Another pair of pointers to the same credentials.
  for (const std::uint32_t task : all)
    for (const std::uint32_t before : {24u, 20u})
      system.world.put(task + system.layout.real_cred - before, system.objects.cred);
  const auto types = system.recover();
  EXPECT_TRUE(is_missing(*types, "task_struct.real_cred"));
  EXPECT_EQ(types->field("task_struct", "cred").error().code, Errc::unavailable);
  EXPECT_TRUE(types->field("task_struct", "pid"));
}

TEST(RecoveredTypes, OneBrokenObjectCostsWhatItIsEvidenceFor) {
  System system;
  const std::uint32_t task = system.objects.tasks[4];
  system.world.put(task + system.layout.stack, 0xc2000000u);  // no mark at its end
  system.world.put(task + system.layout.start_time, ~0ull);   // after all that follow
  system.world.put(system.objects.module_objects[1] + system.layout.core_layout, 0xdeadb000u);
  const auto types = system.recover();
  EXPECT_TRUE(is_missing(*types, "task_struct.stack"));
  EXPECT_TRUE(is_missing(*types, "task_struct.start_time"));
  EXPECT_TRUE(is_missing(*types, "module.core_layout"));
  EXPECT_TRUE(types->field("task_struct", "signal"));
  EXPECT_TRUE(types->field("module", "name"));
}

TEST(RecoveredTypes, ATornListOfTasksIsNoList) {
  System system;
  system.world.put(system.objects.tasks[3] + system.layout.tasks + 4, 0xc2345678u);
  const auto types = recover_types(system.world);
  ASSERT_FALSE(types);
  EXPECT_EQ(types.error().code, Errc::unavailable);
}

TEST(RecoveredTypes, AreForKernelsOf32BitsOnly) {
  UntypedKernelWorld world;
  world.finish();
  EXPECT_EQ(recover_types(world).error().code, Errc::unavailable);  // no init_task
  world.mutable_identity().bits = 64;
  EXPECT_EQ(recover_types(world).error().code, Errc::unsupported);
}

// What is worked out holds for the build: a verdict does not depend on the bytes that it was worked out from.
TEST(RecoveredTypes, TheirEvidenceIsKeptButNotNoted) {
  System system;
  ReadSet noted;
  system.world.snapshot().record_into(&noted);
  ASSERT_TRUE(system.world.types());
  std::size_t bytes = 0;
  for (const auto& [page, held] : system.world.snapshot().pages()) bytes += held->size();
  EXPECT_GT(bytes, 16 * kPageSize);
  EXPECT_LT(noted.bytes(), 2 * kPageSize);  // page tables, vmcoreinfo
  system.world.snapshot().record_into(nullptr);
}

}  // namespace
}  // namespace ringside::guest::linux
