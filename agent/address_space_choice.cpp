// SPDX-License-Identifier: Apache-2.0
#include "agent/address_space_choice.h"

#include "agent/verbs/support.h"
#include "base/bytes.h"

namespace ringside::agent {

void AddressSpaceChoice::add_to(CLI::App& verb) {
  add_number(verb, "--vcpu", vcpu, "Through the page tables of this vCPU, from 0 (0)");
  verb.add_option_function<std::string>(
          "--cr3",
          [this](const std::string& text) {
            cr3 = parse_number(text);
            if (!cr3)
              throw CLI::ValidationError("--cr3", "\"" + text + "\" is no number: write 4096 or 0x1000");
          },
          "Through the page tables at this CR3 instead")
      ->type_name("NUMBER");
}

Result<guest::AddressSpace> AddressSpaceChoice::open(guest::Snapshot& snapshot) const {
  RINGSIDE_TRY(auto cpu, vcpu_state(snapshot, vcpu));
  if (cr3) cpu.cr3 = *cr3;
  return guest::AddressSpace(snapshot, guest::x86::PagingRoot::of(cpu));
}

}  // namespace ringside::agent
