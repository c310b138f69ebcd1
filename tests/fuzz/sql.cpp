// SPDX-License-Identifier: Apache-2.0
// Whatever SQL is asked, the database answers in bounded time and stays as it was.

#include "policies/engine/database.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using namespace ringside;

/// Memory without RAM: every table can be asked, none can be read.
class NoMemory final : public guest::memory::PhysicalMemory {
 public:
  const guest::memory::MemoryMap& map() const override { return map_; }
  std::string_view backend() const override { return "none"; }
  bool stops_guest() const override { return false; }

 protected:
  void read_pieces(std::span<Piece>) override { std::abort(); }  // nothing is RAM

 private:
  guest::memory::MemoryMap map_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto database = policies::Database::create().value();
  NoMemory memory;
  std::vector<guest::x86::CpuState> cpus(2);
  cpus[0].cr0 = guest::x86::cr0::kPe | guest::x86::cr0::kPg;
  cpus[1].index = 1;
  guest::Snapshot snapshot({}, std::move(cpus), memory);
  database->bind(&snapshot);
  const std::string_view sql(reinterpret_cast<const char*>(data), size);
  policies::QueryLimits limits{1000, std::chrono::milliseconds(200)};
  (void)database->query(sql, limits);
  const auto after =
      database->query("SELECT count(*) FROM vcpus JOIN (SELECT count(*) AS n FROM baseline.idt)");
  if (!after || after->rows.at(0).at(0) != policies::Value(std::int64_t{2})) std::abort();
  database->bind(nullptr);
  return 0;
}
