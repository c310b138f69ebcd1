// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <set>
#include <utility>

namespace ringside::agent {

namespace {

/// A line a message, to a file that may be moved away (logrotate) or to standard output.
class JsonSink final : public Sink {
 public:
  explicit JsonSink(const OutputConfig& config) : path_(config.to) {}
  ~JsonSink() override { close(); }

  Sent send(std::span<const std::string> messages) override {
    if (auto opened = reopen(); !opened) return {0, std::move(opened).error(), false};
    const std::set<std::string> there =
        std::exchange(first_, false) && regular_ ? tail() : std::set<std::string>{};
    Sent sent;
    for (const auto& message : messages) {
      if (there.contains(message)) {
        ++sent.taken;
        continue;
      }
      if (auto written = write_line(message + '\n'); !written) {
        sent.error = std::move(written).error();
        break;
      }
      ++sent.taken;
    }
    // A pipe or terminal cannot be synchronised, and has taken it.
    if (regular_ && ::fdatasync(descriptor_) != 0) return {0, failed("cannot be written to disk"), false};
    return sent;
  }

  void cancel() override { cancelled_ = true; }

 private:
  Error failed(const char* what) const {
    return {Errc::io,
            fmt::format("{} {}: {}", path_ == "-" ? "standard output" : path_, what, std::strerror(errno)),
            {}};
  }

  void close() {
    if (descriptor_ >= 0 && path_ != "-") ::close(descriptor_);
    descriptor_ = -1;
  }

  /// The file that is called so now.
  Result<void> reopen() {
    struct stat open_one {
    }, named{};
    if (path_ != "-" && descriptor_ >= 0 &&
        (::fstat(descriptor_, &open_one) != 0 || ::stat(path_.c_str(), &named) != 0 ||
         open_one.st_ino != named.st_ino || open_one.st_dev != named.st_dev))
      close();
    if (descriptor_ < 0)
      descriptor_ = path_ == "-" ? STDOUT_FILENO
                                 : ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
                                          S_IRUSR | S_IWUSR | S_IRGRP);
    if (descriptor_ < 0) return fail(failed("cannot be opened"));
    if (::fstat(descriptor_, &open_one) != 0) return fail(failed("cannot be looked at"));
    regular_ = S_ISREG(open_one.st_mode);
    return {};
  }

  /// The last lines of the file: a process before this one may have written what waits and died before that
  /// was noted. Half a line that it left is ended.
  std::set<std::string> tail() {
    static constexpr off_t kLooked = 4 << 20;
    std::set<std::string> lines;
    const int reader = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (reader < 0) return lines;
    const off_t size = ::lseek(reader, 0, SEEK_END);
    std::string text(static_cast<std::size_t>(std::clamp<off_t>(size, 0, kLooked)), '\0');
    const ssize_t got = ::pread(reader, text.data(), text.size(), size - static_cast<off_t>(text.size()));
    ::close(reader);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
      lines.insert(text.substr(begin, end - begin));
    if (!text.empty() && text.back() != '\n') (void)write_line("\n");
    return lines;
  }

  /// All of it or, in a file, nothing: half a line would spoil the next.
  Result<void> write_line(const std::string& line) {
    const off_t before = regular_ ? ::lseek(descriptor_, 0, SEEK_END) : 0;
    for (std::size_t done = 0; done < line.size();) {
      if (!regular_ && !wait_for_room()) return fail(Errc::cancelled, "cancelled");
      // poll() promises room for PIPE_BUF bytes of a pipe.
      const std::size_t piece =
          regular_ ? line.size() - done : std::min<std::size_t>(line.size() - done, PIPE_BUF);
      const ssize_t count = ::write(descriptor_, line.data() + done, piece);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        Error error = failed("cannot be written to");
        if (regular_ && done > 0 && ::ftruncate(descriptor_, before) != 0) close();
        return fail(std::move(error));
      }
      done += static_cast<std::size_t>(count);
    }
    return {};
  }

  bool wait_for_room() const {
    while (!cancelled_) {
      pollfd one{descriptor_, POLLOUT, 0};
      if (::poll(&one, 1, 100) > 0) return true;
    }
    return false;
  }

  std::string path_;
  int descriptor_ = -1;
  bool regular_ = false, first_ = true;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace

std::unique_ptr<Sink> make_json_sink(const OutputConfig& config) {
  return std::make_unique<JsonSink>(config);
}

}  // namespace ringside::agent
