// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/read_meter.h"

#include <mutex>
#include <set>

namespace ringside::guest::memory {

namespace {

struct Meters {
  std::mutex mutex;
  std::set<const ReadMeter*> living;
  std::map<std::string, ReadTotals> of_the_dead;
};

/// Never destroyed: readers may outlive what is static.
Meters& meters() {
  static Meters& all = *new Meters;
  return all;
}

}  // namespace

ReadMeter::ReadMeter(std::string_view backend) : backend_(backend) {
  const std::lock_guard lock(meters().mutex);
  meters().living.insert(this);
}

ReadMeter::~ReadMeter() {
  const std::lock_guard lock(meters().mutex);
  meters().living.erase(this);
  add_to(meters().of_the_dead[backend_]);
}

void ReadMeter::add_to(ReadTotals& totals) const {
  totals.bytes += bytes_.load(std::memory_order_relaxed);
  for (std::size_t reason = 0; reason < errors_.size(); ++reason)
    if (const auto count = errors_[reason].load(std::memory_order_relaxed); count != 0)
      totals.errors[static_cast<Errc>(reason)] += count;
}

std::map<std::string, ReadTotals> read_totals() {
  const std::lock_guard lock(meters().mutex);
  auto totals = meters().of_the_dead;
  for (const auto* meter : meters().living) meter->add_to(totals[meter->backend_]);
  return totals;
}

}  // namespace ringside::guest::memory
