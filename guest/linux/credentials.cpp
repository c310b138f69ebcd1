// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/credentials.h"

namespace ringside::guest::linux {

// A capability set is two 32-bit words, lower first, up to 6.2 and one 64-bit word from 6.3 on: the same
// bytes on x86 (include/linux/capability.h).
CredentialsReader::CredentialsReader(Kernel& kernel, bool groups)
    : kernel_(kernel),
      reader_(kernel, "cred"),
      uid_(reader_.add("uid")),
      gid_(reader_.add("gid")),
      suid_(reader_.add("suid")),
      sgid_(reader_.add("sgid")),
      euid_(reader_.add("euid")),
      egid_(reader_.add("egid")),
      fsuid_(reader_.add("fsuid")),
      fsgid_(reader_.add("fsgid")),
      securebits_(reader_.add("securebits")),
      inheritable_(reader_.add("cap_inheritable")),
      permitted_(reader_.add("cap_permitted")),
      effective_(reader_.add("cap_effective")),
      bounding_(reader_.add("cap_bset")),
      ambient_(reader_.add("cap_ambient")),
      user_ns_(reader_.add("user_ns")) {
  if (groups) group_info_ = reader_.add("group_info");
  missing_ = reader_.missing();
  if (!groups) return;
  if (const auto count = kernel.field("group_info", "ngroups"))
    group_count_ = *count;
  else
    missing_.push_back(count.error());
}

Result<Credentials> CredentialsReader::read(Gva cred) {
  if (const auto found = seen_.find(cred.value); found != seen_.end()) return found->second;
  RINGSIDE_CHECK(reader_.read(cred));
  Credentials all;
  all.uid = reader_.u32(uid_);
  all.gid = reader_.u32(gid_);
  all.suid = reader_.u32(suid_);
  all.sgid = reader_.u32(sgid_);
  all.euid = reader_.u32(euid_);
  all.egid = reader_.u32(egid_);
  all.fsuid = reader_.u32(fsuid_);
  all.fsgid = reader_.u32(fsgid_);
  all.securebits = reader_.u32(securebits_);
  all.inheritable = reader_.integer(inheritable_);
  all.permitted = reader_.integer(permitted_);
  all.effective = reader_.integer(effective_);
  all.bounding = reader_.integer(bounding_);
  all.ambient = reader_.integer(ambient_);
  all.user_namespace = reader_.pointer(user_ns_).value_or(Gva{0});
  const auto groups = reader_.pointer(group_info_);
  if (groups && group_count_) {
    RINGSIDE_TRY(const auto count, kernel_.read_field(*groups, *group_count_));
    all.groups = static_cast<std::uint32_t>(count);
  }
  seen_.emplace(cred.value, all);
  return all;
}

}  // namespace ringside::guest::linux
