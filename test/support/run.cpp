#include "support/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include "base/fd.h"

namespace trestle::test {

namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    read = base::Fd(ends[0]);
    write = base::Fd(ends[1]);
  }
  base::Fd read{-1}, write{-1};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

pid_t spawn(const Start& how, const Pipe& in, const Pipe& out, const Pipe& err) {
  std::vector<std::string> argv = how.argv, env;
  for (const auto& [name, value] : how.env) env.push_back(name + "=" + value);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in.read.get(), 0);
  posix_spawn_file_actions_adddup2(&files, out.write.get(), 1);
  posix_spawn_file_actions_adddup2(&files, err.write.get(), 2);
  posix_spawnattr_t attributes;  // SIGPIPE is ignored here, but a program starts with the defaults
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = -1;
  const int failed =
      ::posix_spawn(&child, how.argv.at(0).c_str(), &files, &attributes, pointers(argv).data(), pointers(env).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::system_error(failed, std::generic_category(), "start " + how.argv.at(0));
  return child;
}

// Reads what is there; false at the end of the file.
bool take(const base::Fd& fd, std::string& into) {
  char bytes[4096];
  const ssize_t n = ::read(fd.get(), bytes, sizeof bytes);
  if (n > 0) into.append(bytes, static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace

Ran start(const Start& how) {
  Pipe in, out, err;
  ::signal(SIGPIPE, SIG_IGN);
  const pid_t child = spawn(how, in, out, err);
  in.read = base::Fd();
  out.write = base::Fd();
  err.write = base::Fd();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  Ran ran;
  std::size_t written = 0;
  const auto deadline = Clock::now() + std::chrono::milliseconds(how.deadline_ms);
  bool killed = false;
  while (out.read.valid() || err.read.valid()) {
    if (in.write.valid() && written == how.in.size()) in.write = base::Fd();
    pollfd ready[] = {{in.write.get(), POLLOUT, 0}, {out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (::poll(ready, 3, killed ? 1000 : static_cast<int>(left > 0 ? left : 0)) == 0) {
      if (killed) break;  // somebody else holds the pipe open
      ::kill(child, SIGKILL);
      killed = true;
    }
    if (ready[0].revents != 0) {
      const ssize_t n = ::write(in.write.get(), how.in.data() + written, how.in.size() - written);
      if (n > 0) written += static_cast<std::size_t>(n);
      if (n < 0 && errno != EAGAIN && errno != EINTR) in.write = base::Fd();
    }
    if (ready[1].revents != 0 && !take(out.read, ran.out)) out.read = base::Fd();
    if (ready[2].revents != 0 && !take(err.read, ran.err)) err.read = base::Fd();
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

Ran run(const std::string& command) {
  return start({{"/bin/sh", "-c", command}, {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}}, {}});
}

std::string must_run(const std::string& command) {
  const Ran ran = run(command);
  if (!ran.ok()) throw std::runtime_error(command + ": " + ran.err);
  return ran.out;
}

}  // namespace trestle::test
