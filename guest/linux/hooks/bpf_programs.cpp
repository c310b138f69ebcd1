// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_programs.h"

#include "guest/linux/hooks/bpf_helpers.h"
#include "guest/linux/hooks/bpf_names.h"
#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/pages/bpf_areas.h"
#include "guest/linux/walkers.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace ringside::guest::linux {

namespace {

using Member = ObjectReader::Member;
using Presence = ObjectReader::Presence;

constexpr std::uint32_t kUnspecified = 0;       // BPF_PROG_TYPE_UNSPEC
constexpr std::uint32_t kMaxSubprograms = 256;  // BPF_MAX_SUBPROGS, include/linux/bpf_verifier.h
constexpr std::size_t kMaxName = 512;           // KSYM_NAME_LEN, from 6.1

class Reader {
 public:
  Reader(Kernel& kernel, bool helpers, Listing<BpfProgram>& listing)
      : kernel_(kernel),
        helpers_(helpers),
        listing_(listing),
        types_(kernel, "bpf_prog_type", "BPF_PROG_TYPE_"),
        instructions_at_(kernel.offset("bpf_prog", "insnsi")) {}

  Result<void> usable() const {
    for (const auto* reader : {&program_, &aux_})
      if (!reader->missing().empty()) return fail(reader->missing().front());
    return {};
  }

  void take(Gva at, bool listed, bool allocated) {
    const auto lost = [&](const Error& error) {
      listing_.problem(error.within("the bpf_prog at " + to_string(at)));
    };
    if (auto read = program_.read(at); !read) return lost(read.error());
    BpfProgram program;
    program.address = at;
    program.listed = listed;
    program.allocated = allocated;
    const std::uint32_t type = program_.u32(type_).value_or(0);
    program.type = types_.name(type);
    program.jited = program_.integer(jited_).value_or(0) != 0;
    program.function = program_.pointer(function_).value_or(Gva{0});
    program.jited_size = program_.u32(jited_size_);
    program.instructions = program_.u32(length_);
    if (const auto tag = program_.bytes(tag_); tag && tag->size() >= 8) {
      program.tag.emplace();
      std::memcpy(program.tag->data(), tag->data(), program.tag->size());
    }
    take_aux(program, type, program_.pointer(aux_at_).value_or(Gva{0}), lost);
    if (helpers_) take_helpers(program, lost);
    listing_.entries.push_back(std::move(program));
  }

  /// The functions of listed programs are programs of their own in memory.
  void mark_subprograms() {
    for (BpfProgram& program : listing_.entries)
      if (program.state != BpfProgramState::listed && subprograms_.contains(program.address.value))
        program.state = BpfProgramState::subprogram;
  }

 private:
  template <class Lost>
  void take_aux(BpfProgram& program, std::uint32_t type, Gva aux, Lost&& lost) {
    const auto read = aux_.read(aux);
    if (!read) {
      // Nothing tells that it is being freed.
      program.state = program.listed  ? BpfProgramState::listed
                      : program.jited ? BpfProgramState::hidden
                                      : BpfProgramState::loading;
      return lost(read.error());
    }
    program.id = aux_.u32(id_);
    program.name = aux_.text(name_).value_or("");
    program.load_time = aux_.integer(load_time_);
    if (const Gva text = aux_.pointer(attach_).value_or(Gva{0}); text.value != 0) {
      auto name = kernel_.read_string(text, kMaxName);
      if (name)
        program.attach_function = std::move(*name);
      else
        lost(name.error());
    }
    if (const Gva user = aux_.pointer(user_).value_or(Gva{0}); user.value != 0 && uid_) {
      if (const auto uid = kernel_.read_field(user, *uid_))
        program.uid = static_cast<std::uint32_t>(*uid);
      else
        lost(uid.error());
    }
    program.state = state(program, type);
    if (program.listed) note_subprograms(lost);
  }

  BpfProgramState state(const BpfProgram& program, std::uint32_t type) const {
    if (program.listed) return BpfProgramState::listed;
    // Neither the verifier nor bpf(2) ever saw a classic one.
    const bool unseen = program.id == 0u && aux_.u32(used_maps_).value_or(0) == 0 &&
                        program.load_time == std::uint64_t{0} && program.name.empty();
    if (type == kUnspecified && unseen) return BpfProgramState::classic;
    // The id is taken off together with the place in prog_idr (bpf_prog_free_id); a program that runs is
    // held.
    if (program.id != 0u) return BpfProgramState::hidden;
    const bool held = aux_.integer(references_).value_or(1) != 0;
    if (program.jited) return held ? BpfProgramState::hidden : BpfProgramState::freed;
    return held ? BpfProgramState::loading : BpfProgramState::freed;
  }

  template <class Lost>
  void note_subprograms(Lost&& lost) {
    const std::uint32_t count = aux_.u32(function_count_).value_or(0);
    const Gva functions = aux_.pointer(functions_).value_or(Gva{0});
    if (count == 0 || functions.value == 0) return;
    if (count > kMaxSubprograms || subprograms_.size() > kMaxBpfPrograms)
      return lost(Error{Errc::out_of_bounds, "it claims " + std::to_string(count) + " functions"});
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto at = kernel_.read_pointer(functions + std::uint64_t{i} * kernel_.pointer_size());
      if (!at) return lost(at.error());
      subprograms_.insert(at->value);
    }
  }

  template <class Lost>
  void take_helpers(BpfProgram& program, Lost&& lost) {
    if (!instructions_at_) return lost(instructions_at_.error());
    const std::uint64_t count = program.instructions.value_or(0);
    if (count > instructions_left_)
      return lost(Error{Errc::out_of_bounds, "it claims " + std::to_string(count) + " instructions"});
    instructions_left_ -= count;
    auto found = bpf_helpers(kernel_, program.address + *instructions_at_, count);
    if (found)
      program.helpers = std::move(*found);
    else
      lost(found.error());
  }

  Kernel& kernel_;
  bool helpers_;
  Listing<BpfProgram>& listing_;
  EnumNames types_;
  Result<std::uint32_t> instructions_at_;
  std::uint64_t instructions_left_ = kMaxBpfInstructions;
  std::set<std::uint64_t> subprograms_;
  ObjectReader program_{kernel_, "bpf_prog"}, aux_{kernel_, "bpf_prog_aux"};
  const Member jited_ = program_.add("jited"), type_ = program_.add("type"), length_ = program_.add("len"),
               jited_size_ = program_.add("jited_len", Presence::optional),
               tag_ = program_.add("tag", Presence::optional), aux_at_ = program_.add("aux"),
               function_ = program_.add("bpf_func");
  const Member references_ = aux_.add("refcnt.counter", Presence::optional), id_ = aux_.add("id"),
               used_maps_ = aux_.add("used_map_cnt", Presence::optional), name_ = aux_.add("name"),
               load_time_ = aux_.add("load_time"), user_ = aux_.add("user", Presence::optional),
               attach_ = aux_.add("attach_func_name", Presence::optional),
               function_count_ = aux_.add("func_cnt", Presence::optional),
               functions_ = aux_.add("func", Presence::optional);
  const Result<Field> uid_ = kernel_.field("user_struct", "uid.val");
};

}  // namespace

std::string_view to_string(BpfProgramState state) {
  switch (state) {
    case BpfProgramState::listed:
      return "listed";
    case BpfProgramState::loading:
      return "loading";
    case BpfProgramState::freed:
      return "freed";
    case BpfProgramState::classic:
      return "classic";
    case BpfProgramState::subprogram:
      return "subprogram";
    case BpfProgramState::hidden:
      return "hidden";
  }
  return "?";
}

Result<Listing<BpfProgram>> bpf_programs(Kernel& kernel, bool helpers) {
  Listing<BpfProgram> listing;
  RINGSIDE_TRY(const auto idr, feature_root(kernel, "prog_idr", "bpf_prog_new_fd"));
  Reader reader(kernel, helpers, listing);
  std::map<std::uint64_t, std::pair<bool, bool>> found;  // listed, allocated
  if (idr) {
    RINGSIDE_CHECK(reader.usable());
    RINGSIDE_TRY(const std::uint32_t tree, kernel.offset("idr", "idr_rt"));
    const auto walked = walk_xarray(kernel, *idr + tree, kMaxBpfPrograms, [&](std::uint64_t, Gva entry) {
      found[entry.value].first = true;
      return true;
    });
    if (!walked) listing.problem(walked.error().within("prog_idr"));
  }
  RINGSIDE_TRY(const auto areas, bpf_program_areas(kernel));
  for (const auto& problem : areas.problems) listing.problem(problem);
  for (const Gva area : areas.entries) found[area.value].second = true;
  if (found.empty()) return listing;
  RINGSIDE_CHECK(reader.usable());
  for (const auto& [at, where] : found) {
    if (listing.entries.size() >= 2 * kMaxBpfPrograms) {
      listing.problem({Errc::out_of_bounds, "more programs of BPF than can be"});
      break;
    }
    reader.take(Gva{at}, where.first, where.second);
  }
  reader.mark_subprograms();
  return listing;
}

}  // namespace ringside::guest::linux
