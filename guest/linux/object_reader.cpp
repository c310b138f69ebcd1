// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/object_reader.h"

#include "guest/linux/pointers.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace ringside::guest::linux {

ObjectReader::Member ObjectReader::add(std::initializer_list<std::string_view> paths, Presence presence) {
  planned_ = false;
  auto field = kernel_->field_of(type_, paths);
  if (field && field->size > kMaxMemberBytes)
    field = fail(Errc::out_of_bounds, "struct " + type_ + ": member `" + std::string(*paths.begin()) +
                                          "` of " + std::to_string(field->size) + " bytes");
  if (field) {
    fields_.emplace_back(*field);
    return fields_.size() - 1;
  }
  fields_.emplace_back();
  const bool normal = presence == Presence::optional && field.error().code == Errc::not_found;
  const auto known = [&](const Error& error) { return error.message == field.error().message; };
  if (!normal && std::none_of(missing_.begin(), missing_.end(), known))
    missing_.push_back(std::move(field).error());
  return fields_.size() - 1;
}

void ObjectReader::plan() {
  std::vector<Member> order;
  for (Member member = 0; member < fields_.size(); ++member)
    if (fields_[member]) order.push_back(member);
  std::sort(order.begin(), order.end(),
            [&](Member a, Member b) { return fields_[a]->offset < fields_[b]->offset; });
  runs_.clear();
  places_.assign(fields_.size(), 0);
  std::size_t place = 0;
  for (const Member member : order) {
    const Field& field = *fields_[member];
    const auto end = std::uint64_t{field.offset} + field.size;
    if (runs_.empty() || field.offset > std::uint64_t{runs_.back().offset} + runs_.back().size)
      runs_.push_back({field.offset, 0, place});
    Run& run = runs_.back();
    run.size = std::max(run.size, static_cast<std::uint32_t>(end - run.offset));
    place = run.place + run.size;
    places_[member] = run.place + (field.offset - run.offset);
  }
  buffer_.assign(place, std::byte{});
  planned_ = true;
}

Result<void> ObjectReader::read(Gva object) {
  if (!planned_) plan();
  for (const Run& run : runs_)
    RINGSIDE_CHECK(
        kernel_->space().read(object + run.offset, std::span(buffer_).subspan(run.place, run.size)));
  return {};
}

std::optional<ByteView> ObjectReader::bytes(Member member) const {
  if (!planned_ || !has(member)) return std::nullopt;
  return ByteView(buffer_).subspan(places_[member], fields_[member]->size);
}

std::optional<std::uint64_t> ObjectReader::integer(Member member) const {
  const auto raw = bytes(member);
  if (!raw || raw->empty() || raw->size() > sizeof(std::uint64_t)) return std::nullopt;
  const Field& field = *fields_[member];
  std::uint64_t value = 0;
  std::memcpy(&value, raw->data(), raw->size());
  const unsigned bits = field.bit_size != 0 ? field.bit_size : static_cast<unsigned>(raw->size() * 8);
  const unsigned shift = field.bit_offset;
  if (bits > 64 || shift >= 64) return std::nullopt;
  value >>= shift;
  if (bits == 64) return value;
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1, sign = (std::uint64_t{1} << bits) >> 1;
  value &= mask;
  return field.is_signed && (value & sign) != 0 ? value | ~mask : value;
}

std::optional<std::uint32_t> ObjectReader::u32(Member member) const {
  const auto value = integer(member);
  if (!value) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::optional<Gva> ObjectReader::pointer(Member member) const {
  const auto raw = bytes(member);
  if (!raw || raw->size() < kernel_->pointer_size()) return std::nullopt;
  return pointer_in(*raw, 0, kernel_->pointer_size());
}

std::optional<std::string> ObjectReader::text(Member member) const {
  const auto raw = bytes(member);
  if (!raw) return std::nullopt;
  const auto end = std::find(raw->begin(), raw->end(), std::byte{0});
  return std::string(reinterpret_cast<const char*>(raw->data()),
                     static_cast<std::size_t>(end - raw->begin()));
}

}  // namespace ringside::guest::linux
