// SPDX-License-Identifier: Apache-2.0
#include "agent/machine_facts.h"

#include "base/bytes.h"
#include "guest/snapshot_stream.h"
#include "qmp/commands.h"

namespace ringside::agent {

std::string machine_text(guest::live::LiveGuest& guest) {
  const auto cpus = guest.monitor().call(qmp::query_cpus_fast());
  if (!cpus || cpus->empty()) return {};
  const std::string& path = cpus->front().qom_path;
  // All vCPUs of a machine are alike. "feature-words" are the CPUID registers with features, filtered by what
  // the accelerator can do (QEMU target/i386/cpu.c, x86_cpu_get_feature_words).
  const auto model = guest.monitor().call(qmp::qom_get(path, "type"));
  const auto features = guest.monitor().call(qmp::qom_get(path, "feature-words"));
  if (!model || !features || !model->is_string() || !features->is_array()) return {};
  guest::Sha256 hash;
  const std::string words = features->dump();
  hash.add(as_bytes(words));
  const auto digest = hash.finish();
  return guest.info().accelerator + " " + model->get<std::string>() + " " + to_hex(ByteView(digest).first(8));
}

}  // namespace ringside::agent
