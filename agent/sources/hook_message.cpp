// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/hook_message.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ringside::agent {

namespace {

constexpr std::size_t kNameBound = 1024;

/// Text of the wanted length without control characters; false: there is none.
bool take_text(const nlohmann::json& object, const char* key, std::size_t bound, std::string& into) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_string()) return false;
  into = member->get<std::string>();
  return into.size() <= bound &&
         std::none_of(into.begin(), into.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

bool is_uuid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return text.size() == kForm.size() &&
         std::equal(text.begin(), text.end(), kForm.begin(), [](char c, char form) {
           return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<HookMessage> parse_hook_message(std::string_view datagram) {
  if (datagram.size() > kHookMessageBound) return fail(Errc::oversized, "the hook's message is too long");
  const nlohmann::json object = nlohmann::json::parse(datagram, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return fail(Errc::malformed, "the hook's message is no JSON object");
  const auto version = object.find("version");
  if (version == object.end() || *version != 1)
    return fail(Errc::malformed, "the hook's message is of another version",
                "install the hook that came with this ringside");
  HookMessage message;
  if (!take_text(object, "operation", 32, message.operation) ||
      !take_text(object, "suboperation", 32, message.suboperation) ||
      !take_text(object, "name", kNameBound, message.name) || message.name.empty() ||
      message.name.find('/') != std::string::npos || !take_text(object, "uuid", 36, message.uuid) ||
      !is_uuid(message.uuid) || !take_text(object, "extra", 64, message.extra))
    return fail(Errc::malformed, "the hook's message lacks a part, or has one that cannot be");
  return message;
}

}  // namespace ringside::agent
