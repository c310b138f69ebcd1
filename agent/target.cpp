// SPDX-License-Identifier: Apache-2.0
#include "agent/target.h"

#include "guest/snapshot_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace ringside::agent {

namespace {

constexpr const char* kHint =
    "give a QMP socket (qemu -qmp unix:PATH,server=on,wait=off), tcp:HOST:PORT, tls:HOST:PORT, "
    "libvirt:DOMAIN "
    "or a snapshot file";

bool has_scheme(const std::string& text) {
  return text.starts_with("tcp:") || text.starts_with("tls:") || text.starts_with("unix:") ||
         text.starts_with("libvirt:");
}

}  // namespace

Result<Target> parse_target(const std::string& text, const io::TlsOptions& tls) {
  if (text.empty()) return fail(Errc::invalid_argument, "the target is empty", kHint);
  if (tls != io::TlsOptions{} && !text.starts_with("tls:"))
    return fail(Errc::invalid_argument,
                fmt::format("--tls-* options go with tls:HOST:PORT, not with {}", text));
  if (has_scheme(text)) {
    RINGSIDE_TRY(io::Endpoint endpoint, io::parse_endpoint(text));
    if (endpoint.kind == io::Endpoint::Kind::tls) endpoint.tls = tls;
    return endpoint;
  }
  struct stat status {};
  if (::stat(text.c_str(), &status) != 0) {
    const int error = errno;
    return fail(error == EACCES ? Errc::permission : Errc::refused,
                fmt::format("{}: {}", text, std::strerror(error)),
                error == EACCES ? "run as QEMU's user or root" : kHint);
  }
  if (S_ISSOCK(status.st_mode)) {
    io::Endpoint endpoint;
    endpoint.path = text;
    return endpoint;
  }
  if (S_ISREG(status.st_mode) && guest::is_snapshot_file(text)) return SnapshotPath{text};
  return fail(Errc::refused, fmt::format("{} is neither a socket nor a ringside snapshot", text), kHint);
}

}  // namespace ringside::agent
