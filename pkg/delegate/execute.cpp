#include "delegate/execute.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/fd.h"

namespace trestle::delegate {

namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  base::Fd read, write;
};

Pipe make_pipe(const std::string& program) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) base::throw_errno(errno, "start " + program, base::Code::delegate);
  return {base::Fd(ends[0]), base::Fd(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// Between fork and exec: system calls only. We hold signals back and keep files to ourselves; the plugin was written for neither.
[[noreturn]] void become(const char* program, char* const* env, int in, int out, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::umask(022);
  const std::array<const char*, 2> argv{program, nullptr};
  ::execve(program, const_cast<char* const*>(argv.data()), env);
  ::_exit(127);
}

// Reads what is there. false: the end, or more than `limit`.
bool drain(int fd, std::string& out, std::size_t limit) {
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    if (out.size() > limit) return false;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// Feeds it and listens until it has ended: a daemon that it leaves behind may keep the pipe open for ever. false: the time is over.
bool converse(base::Fd& to, const base::Fd& from, const base::Fd& process, std::string_view in, Clock::time_point end,
              Ended& ended, std::size_t limit) {
  bool open = true;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    if (in.empty()) to = base::Fd();
    std::array<pollfd, 3> wait{
        {{process.get(), POLLIN, 0}, {open ? from.get() : -1, POLLIN, 0}, {to.get(), POLLOUT, 0}}};
    if (::poll(wait.data(), wait.size(), static_cast<int>(left)) < 0 && errno != EINTR) return false;
    if (wait[2].revents != 0) {
      const ssize_t n = ::write(to.get(), in.data(), in.size());
      in.remove_prefix(n < 0 ? (errno == EAGAIN || errno == EINTR ? 0 : in.size()) : static_cast<std::size_t>(n));
    }
    if (wait[1].revents != 0) open = drain(from.get(), ended.out, limit);
    ended.flooded = ended.out.size() > limit;
    if (ended.flooded) return false;
    if (wait[0].revents != 0) {
      if (open) drain(from.get(), ended.out, limit);
      return true;
    }
  }
}

}  // namespace

Ended execute(const std::string& program, const std::vector<std::string>& env, const std::string& in,
              std::chrono::milliseconds budget, std::size_t limit) {
  Pipe input = make_pipe(program), output = make_pipe(program);
  ::fcntl(input.write.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(output.read.get(), F_SETFL, O_NONBLOCK);
  const std::vector<char*> environment = pointers(env);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) base::throw_errno(errno, "start " + program, base::Code::delegate);
  if (child == 0) become(program.c_str(), environment.data(), input.read.get(), output.write.get(), parent);
  input.read = base::Fd();
  output.write = base::Fd();
  const base::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  Ended ended;
  const bool through =
      process.valid() && converse(input.write, output.read, process, in, Clock::now() + budget, ended, limit);
  ended.late = !through && !ended.flooded;
  if (!through) ::kill(child, SIGKILL);
  while (::waitpid(child, &ended.status, 0) < 0 && errno == EINTR) {
  }
  return ended;
}

}  // namespace trestle::delegate
