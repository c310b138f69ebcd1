// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace ringside {

/// What went wrong, coarse enough that a caller can decide by it. The words are in Error::message.
enum class Errc {
  refused,           ///< nobody listens at the endpoint, or no permission to reach it
  monitor_busy,      ///< a monitor accepted the connection but gave no greeting: another client holds it
  closed,            ///< the peer closed the connection
  deadline,          ///< not done in the time that was given
  cancelled,         ///< the caller gave up
  io,                ///< a system call failed
  peer_error,        ///< the peer understood and said no (QMP error reply, gdb `E nn`)
  malformed,         ///< bytes that the protocol or format does not allow
  oversized,         ///< longer than the bound on it
  not_mapped,        ///< the guest's page tables do not map this GVA
  not_ram,           ///< this GPA is no RAM or ROM (hole, MMIO, beyond the end)
  non_canonical,     ///< the GVA is not canonical in the current paging mode
  out_of_bounds,     ///< a value read from the guest exceeds the bound on it
  gone,              ///< QEMU has ended, or the range was unplugged
  unsupported,       ///< this QEMU, guest or backend cannot do it
  permission,        ///< the host refuses us (ptrace, file mode)
  invalid_argument,  ///< the caller asked for something that makes no sense
  not_found,         ///< a named thing does not exist
  mismatch,          ///< a cross-check or compare-before-write failed
  unavailable,       ///< could not be known here (not in the snapshot, not calibrated, ...)
};

/// The name of `code`, as it stands in JSON output ("monitor_busy").
std::string_view to_string(Errc code);

/// A failure as a value. `message` is one clear line without a full stop that says what could not be done and
/// why; `hint`, where there is one, says what the user can do about it.
struct Error {
  Errc code{};
  std::string message;
  std::string hint{};

  /// The same error seen from one step further out: "`context`: `message`".
  [[nodiscard]] Error within(std::string_view context) const {
    return {code, std::string(context) + ": " + message, hint};
  }
};

template <class T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Errc code, std::string message, std::string hint = {}) {
  return tl::unexpected(Error{code, std::move(message), std::move(hint)});
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected(std::move(error));
}

}  // namespace ringside

#define RINGSIDE_CONCAT_(a, b) a##b
#define RINGSIDE_CONCAT(a, b) RINGSIDE_CONCAT_(a, b)

/// `RINGSIDE_TRY(auto x, expression);` binds the value of a Result, or returns its error from this function.
/// `RINGSIDE_CHECK(expression);` is the same for a value that is not needed. The CO_ forms are for
/// coroutines.
#define RINGSIDE_TRY_(result, declaration, keyword, ...)            \
  auto result = (__VA_ARGS__);                                      \
  if (!result) keyword ::ringside::fail(std::move(result).error()); \
  declaration = std::move(*result)
#define RINGSIDE_TRY(declaration, ...) \
  RINGSIDE_TRY_(RINGSIDE_CONCAT(try_, __LINE__), declaration, return, __VA_ARGS__)
#define RINGSIDE_CO_TRY(declaration, ...) \
  RINGSIDE_TRY_(RINGSIDE_CONCAT(try_, __LINE__), declaration, co_return, __VA_ARGS__)
#define RINGSIDE_CHECK_(result, keyword, ...) \
  if (auto result = (__VA_ARGS__); !result) keyword ::ringside::fail(std::move(result).error())
#define RINGSIDE_CHECK(...) RINGSIDE_CHECK_(RINGSIDE_CONCAT(check_, __LINE__), return, __VA_ARGS__)
#define RINGSIDE_CO_CHECK(...) RINGSIDE_CHECK_(RINGSIDE_CONCAT(check_, __LINE__), co_return, __VA_ARGS__)
