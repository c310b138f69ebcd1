// SPDX-License-Identifier: Apache-2.0
#include "qmp/codec.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace ringside::qmp {

namespace {

constexpr std::string_view kNoMonitorHint =
    "give the socket of a QMP monitor (-qmp), not of HMP, gdbstub or console";

/// The start of `text`, printable.
std::string excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 48;
  std::string shown;
  for (const char c : text.substr(0, kLongest)) shown += c >= ' ' && c <= '~' ? c : '.';
  return text.size() > kLongest ? shown + "..." : shown;
}

tl::unexpected<Error> malformed(std::string_view why, std::string_view text) {
  return fail(Errc::malformed, fmt::format("the peer sent no QMP message: {}: '{}'", why, excerpt(text)),
              std::string(kNoMonitorHint));
}

/// Member `key` of an object; null if it has none, or if `json` is no object.
template <class JsonType>
auto member(JsonType& json, const char* key) -> decltype(&*json.find(key)) {
  const auto found = json.find(key);
  return found == json.end() ? nullptr : &*found;
}

std::string text_of(const Json* json) {
  return json != nullptr && json->is_string() ? json->get<std::string>() : "";
}

int small_number(const Json& json, const char* key) {
  const Json* number = member(json, key);
  if (number == nullptr || !number->is_number_unsigned()) return 0;
  const auto value = number->get<std::uint64_t>();
  return value <= std::uint64_t{std::numeric_limits<int>::max()} ? static_cast<int>(value) : 0;
}

std::optional<Greeting> parse_greeting(const Json& json) {
  const Json* version = member(json, "version");
  const Json* qemu = version != nullptr ? member(*version, "qemu") : nullptr;
  if (qemu == nullptr || !qemu->is_object()) return std::nullopt;
  Greeting greeting;
  greeting.major = small_number(*qemu, "major");
  greeting.minor = small_number(*qemu, "minor");
  greeting.micro = small_number(*qemu, "micro");
  greeting.package = text_of(member(*version, "package"));
  if (const Json* capabilities = member(json, "capabilities");
      capabilities != nullptr && capabilities->is_array())
    for (const Json& capability : *capabilities) greeting.oob |= text_of(&capability) == "oob";
  return greeting;
}

/// QEMU gives -1 in both fields if it could not tell the time (qmp-spec, "Asynchronous events"): that is zero
/// here.
std::chrono::microseconds time_of(const Json* timestamp) {
  constexpr std::uint64_t kYear5000 = 95'617'584'000;
  if (timestamp == nullptr) return {};
  const Json* seconds = member(*timestamp, "seconds");
  const Json* micros = member(*timestamp, "microseconds");
  if (seconds == nullptr || micros == nullptr || !seconds->is_number_unsigned() ||
      !micros->is_number_unsigned())
    return {};
  if (seconds->get<std::uint64_t>() > kYear5000 || micros->get<std::uint64_t>() >= 1'000'000) return {};
  return std::chrono::seconds(seconds->get<std::int64_t>()) +
         std::chrono::microseconds(micros->get<std::int64_t>());
}

}  // namespace

EventKind event_kind(std::string_view name) {
  if (name == "RESET") return EventKind::reset;
  if (name == "STOP") return EventKind::stop;
  if (name == "RESUME") return EventKind::resume;
  if (name == "SHUTDOWN") return EventKind::shutdown;
  return EventKind::other;
}

void Decoder::feed(ByteView bytes) {
  if (error_) return;
  if (start_ == buffer_.size()) {
    constexpr std::size_t kWorthKeeping = 1u << 20;
    if (buffer_.capacity() > kWorthKeeping) std::string().swap(buffer_);
    buffer_.clear();
  } else {
    buffer_.erase(0, start_);
  }
  scanned_ -= start_;
  start_ = 0;
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<Decoder::Scan> Decoder::scan() {
  for (; scanned_ < buffer_.size(); ++scanned_) {
    const char c = buffer_[scanned_];
    if (depth_ == 0) {
      if (c == '{') {
        start_ = scanned_;
        values_ = depth_ = 1;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        start_ = scanned_ + 1;
      } else {
        return malformed("it does not start with a brace", std::string_view(buffer_).substr(scanned_));
      }
      continue;
    }
    if (scanned_ - start_ >= bound_)
      return fail(Errc::oversized, fmt::format("the monitor sent a message of more than {} bytes", bound_));
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
      continue;
    }
    switch (c) {
      case '"':
        in_string_ = true;
        break;
      case ',':
      case '{':
      case '[':
        if (++values_ > kValueBound)
          return fail(Errc::oversized,
                      fmt::format("the monitor sent a message of more than {} values", kValueBound));
        if (c != ',' && ++depth_ > kDepthBound)
          return fail(Errc::malformed,
                      fmt::format("the monitor sent a message nested over {} deep", kDepthBound));
        break;
      case '}':
      case ']':
        if (--depth_ == 0) {
          ++scanned_;
          return Scan::complete;
        }
        break;
      default:
        break;
    }
  }
  return Scan::incomplete;
}

Result<std::optional<Message>> Decoder::next() {
  if (error_) return fail(*error_);
  const auto found = scan();
  if (found && *found == Scan::incomplete) return std::nullopt;
  auto message = found ? parse_message(std::string_view(buffer_).substr(start_, scanned_ - start_))
                       : Result<Message>(fail(found.error()));
  if (!message) {
    error_ = message.error();
    std::string().swap(buffer_);
    return fail(*error_);
  }
  start_ = scanned_;
  return std::optional<Message>(std::move(*message));
}

Result<Message> parse_message(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return malformed("it is no JSON object", text);
  if (const Json* greeting = member(json, "QMP")) {
    auto parsed = parse_greeting(*greeting);
    if (!parsed) return malformed("a greeting without QEMU's version", text);
    return std::move(*parsed);
  }
  if (const Json* name = member(json, "event")) {
    if (!name->is_string()) return malformed("an event without a name", text);
    Json* data = member(json, "data");
    return Event{event_kind(name->get_ref<const std::string&>()), name->get<std::string>(),
                 data != nullptr ? std::move(*data) : Json(), time_of(member(json, "timestamp"))};
  }
  const Json* id = member(json, "id");
  if (id != nullptr && !id->is_number_unsigned()) return malformed("an id that is no number", text);
  if (const Json* error = member(json, "error")) {
    ErrorReply reply{{}, text_of(member(*error, "class")), text_of(member(*error, "desc"))};
    if (reply.error_class.empty()) return malformed("an error without a class", text);
    if (id != nullptr) reply.id = id->get<std::uint64_t>();
    return reply;
  }
  if (Json* value = member(json, "return")) {
    if (id == nullptr) return malformed("a reply without an id", text);
    return Reply{id->get<std::uint64_t>(), std::move(*value)};
  }
  return malformed("neither greeting, event, reply nor error", text);
}

Result<std::string> encode_command(std::string_view command, const Json& arguments, std::uint64_t id) {
  if (!arguments.is_object() && !arguments.is_null())
    return fail(Errc::invalid_argument, fmt::format("the arguments of '{}' are no JSON object", command));
  Json line{{"execute", command}, {"id", id}};
  if (!arguments.empty()) line["arguments"] = arguments;
  try {
    return line.dump() + "\r\n";
  } catch (const Json::type_error&) {
    return fail(Errc::invalid_argument,
                fmt::format("the arguments of '{}' hold text that is not UTF-8", command));
  }
}

}  // namespace ringside::qmp
