#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "kernel/process.h"

namespace trestle::kernel {

namespace {

constexpr rlim_t kMostFile = 16U << 20;

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  // Until it has a handler of its own: it would die of being told that a file has changed.
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void redirect(int from, int to) {
  if (from >= 0 && from != to) ::dup2(from, to);
}

void detach_stdio(const std::string& log) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  redirect(null, STDIN_FILENO);
  redirect(null, STDOUT_FILENO);
  const int errors = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  redirect(errors >= 0 ? errors : null, STDERR_FILENO);
}

// Aside and renamed: half a line would be another process's number.
bool tell_pid(const Daemon& daemon) {
  const pid_t self = ::getpid();
  const auto start = start_time(self);
  if (!start) return false;
  const std::string aside = "." + daemon.pid_name + ".new";
  const int at = daemon.directory.get();
  ::unlinkat(at, aside.c_str(), 0);
  const base::Fd file = base::try_open_at(daemon.directory, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  return file.valid() &&
         base::write_all(file.get(), std::to_string(self) + " " + std::to_string(*start) + " " + daemon.note + "\n") &&
         ::renameat(at, aside.c_str(), at, daemon.pid_name.c_str()) == 0;
}

// A guest can have it write without end (a DHCPDECLINE in a loop made 4 MB a second of log, in memory). More than the leases of a /16.
void limit_files() {
  const rlimit most{kMostFile, kMostFile};
  ::setrlimit(RLIMIT_FSIZE, &most);
}

// In a process that has nothing to lose.
void run_as(const Daemon& daemon) {
  reset_signals();
  limit_files();
  ::umask(022);
  if (::chdir("/") != 0) return;
  // The service's lock ends with the exec: until then whoever wants to end the service waits.
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return;
  if (!tell_pid(daemon)) return;
  std::vector<char*> argv;
  for (const std::string& word : daemon.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* const environment[] = {path, nullptr};
  ::execve(argv.front(), argv.data(), environment);
}

}  // namespace

void become(const Daemon& daemon) { run_as(daemon); }

void detach(const Daemon& daemon) {
  const pid_t child = ::fork();
  if (child < 0) base::throw_errno(errno, "start " + daemon.argv.front());
  if (child == 0) {
    ::setsid();
    const pid_t grandchild = ::fork();
    if (grandchild != 0) ::_exit(grandchild < 0 ? 1 : 0);
    try {
      detach_stdio(daemon.log);
      run_as(daemon);
      const int err = errno;
      const std::string why = daemon.argv.front() + ": " + std::strerror(err) + "\n";
      static_cast<void>(base::write_all(STDERR_FILENO, why));
    } catch (const std::exception&) {
    }
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno == EINTR) continue;
    return;  // nobody tells, when SIGCHLD is ignored: CHECK will
  }
  if (status != 0) throw base::Error(base::Code::kernel, "start " + daemon.argv.front() + ": no process can be made");
}

}  // namespace trestle::kernel
