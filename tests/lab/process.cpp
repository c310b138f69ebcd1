// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace ringside::lab {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& s : strings) result.push_back(const_cast<char*>(s.c_str()));
  result.push_back(nullptr);
  return result;
}

int exit_status(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

/// Forks and executes; the child dies with the thread that called.
pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, int out,
            int err) {
  const pid_t parent = getpid();
  std::vector<std::string> all_environment;
  for (char** e = environ; *e != nullptr; ++e) all_environment.emplace_back(*e);
  all_environment.insert(all_environment.end(), environment.begin(), environment.end());
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(all_environment);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent died before the prctl
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  dup2(out, 1);
  dup2(err, 2);
  execvpe(argv[0], argv.data(), envp.data());
  _exit(127);
}

}  // namespace

Result<Finished> run_program(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
    return fail(Errc::io, std::string("pipe: ") + std::strerror(errno));
  const pid_t pid = spawn(arguments, environment, out[1], err[1]);
  close(out[1]);
  close(err[1]);
  Finished result;
  pollfd waiting[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  int open_pipes = pid < 0 ? 0 : 2;
  while (open_pipes > 0 && (poll(waiting, 2, -1) >= 0 || errno == EINTR)) {
    for (pollfd& p : waiting) {
      if (p.fd < 0 || p.revents == 0) continue;
      char buffer[4096];
      const ssize_t n = ::read(p.fd, buffer, sizeof buffer);
      if (n > 0) {
        (p.fd == out[0] ? result.out : result.err).append(buffer, static_cast<std::size_t>(n));
      } else if (n == 0 || errno != EINTR) {
        p.fd = -1;
        --open_pipes;
      }
    }
  }
  close(out[0]);
  close(err[0]);
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) return fail(Errc::io, "cannot run " + arguments.front());
  result.status = exit_status(status);
  return result;
}

Result<Process> Process::start(const std::vector<std::string>& arguments, const std::string& log,
                               const std::vector<std::string>& environment) {
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) return fail(Errc::io, log + ": " + std::strerror(errno));
  const pid_t pid = spawn(arguments, environment, out, out);
  close(out);
  if (pid < 0) return fail(Errc::io, std::string("fork: ") + std::strerror(errno));
  return Process(pid);
}

std::optional<int> Process::poll() {
  int status = 0;
  if (pid_ < 0) return 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  return exit_status(status);
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void Process::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

TemporaryFolder::TemporaryFolder() {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base != nullptr ? base : "/tmp") + "/ringside-lab.XXXXXX";
  if (mkdtemp(path_.data()) == nullptr)
    throw std::runtime_error("mkdtemp " + path_ + ": " + std::strerror(errno));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace ringside::lab
