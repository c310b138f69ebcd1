// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pid_reader.h"

namespace ringside::guest::linux {

PidReader::PidReader(Kernel& kernel) : kernel_(kernel) {
  const auto find = [&](std::string_view type, std::string_view path) -> std::optional<Field> {
    auto field = kernel.field(type, path);
    if (field) return *field;
    missing_.push_back(std::move(field).error());
    return std::nullopt;
  };
  level_ = find("pid", "level");
  numbers_ = find("pid", "numbers");
  number_ = find("upid", "nr");
  name_space_ = find("upid", "ns");
  if (!missing_.empty()) return;
  // Both layouts of numbers, an array of one and one without a bound, say nothing of the elements that
  // follow.
  auto size = kernel.types().and_then([](const Types* types) { return types->size_of("upid"); });
  if (size)
    number_size_ = *size;
  else
    missing_.push_back(std::move(size).error());
}

Result<std::optional<PidNumbers>> PidReader::read(Gva pid) {
  if (!missing_.empty() || pid == Gva{0}) return std::optional<PidNumbers>{};
  if (const auto found = seen_.find(pid.value); found != seen_.end()) return std::optional(found->second);
  PidNumbers numbers;
  RINGSIDE_TRY(const auto level, kernel_.read_field(pid, *level_));
  if (level > kMaxLevel)
    return fail(Errc::out_of_bounds,
                "struct pid at " + to_string(pid) + " claims pid namespace level " + std::to_string(level));
  numbers.level = static_cast<std::uint32_t>(level);
  const Gva first = pid + numbers_->offset, own = first + level * number_size_;
  RINGSIDE_TRY(const auto outermost, kernel_.read_field(first, *number_));
  RINGSIDE_TRY(const auto innermost, kernel_.read_field(own, *number_));
  RINGSIDE_TRY(numbers.name_space, kernel_.read_pointer_field(own, *name_space_));
  numbers.outermost = static_cast<std::int32_t>(outermost);
  numbers.innermost = static_cast<std::int32_t>(innermost);
  seen_.emplace(pid.value, numbers);
  return std::optional(numbers);
}

}  // namespace ringside::guest::linux
