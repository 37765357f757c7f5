#include "kernel/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>
#include <memory>

#include "base/error.h"
#include "base/text.h"

namespace trestle::kernel {

namespace {

constexpr std::size_t kLimit = 1U << 16;

std::string proc(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::optional<std::string> read_proc(pid_t pid, const char* name) {
  const base::Fd fd = base::try_open(proc(pid, name), O_RDONLY);
  return fd.valid() ? base::read_all(fd.get(), kLimit) : std::nullopt;
}

bool has_word(pid_t pid, const std::string& word) {
  const auto line = read_proc(pid, "cmdline");
  return line && (std::string(1, '\0') + *line).find('\0' + word + '\0') != std::string::npos;
}

}  // namespace

std::optional<std::uint64_t> start_time(pid_t pid) {
  const auto stat = read_proc(pid, "stat");
  // The name stands in brackets and may hold any others, and blanks.
  const std::size_t name_end = stat ? stat->rfind(')') : std::string::npos;
  if (name_end == std::string::npos || name_end + 2 > stat->size()) return std::nullopt;
  const auto fields = base::split(std::string_view(*stat).substr(name_end + 2), ' ');
  constexpr std::size_t kState = 0, kStart = 19;
  if (fields.size() <= kStart || fields[kState] == "Z" || fields[kState] == "X") return std::nullopt;
  return base::parse_number(fields[kStart], ~std::uint64_t{0});
}

std::optional<Process> Process::find(pid_t pid, std::uint64_t start) {
  // First the descriptor: from then on it is always the same process that is asked.
  base::Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int err = errno;
  if (!fd.valid()) {
    if (err == ESRCH || err == EINVAL) return std::nullopt;
    base::throw_errno(err, "look at process " + std::to_string(pid));
  }
  if (start_time(pid) != start) return std::nullopt;
  Process process(pid, std::move(fd));
  // What was read is of this one only if it is there still.
  return process.ends_within(std::chrono::milliseconds(0)) ? std::nullopt : std::optional(std::move(process));
}

std::vector<Process> Process::with_argument(const std::string& argument) {
  std::vector<Process> out;
  struct stat own {};
  if (::stat("/proc/self/ns/net", &own) != 0) return out;
  const std::unique_ptr<DIR, int (*)(DIR*)> all(::opendir("/proc"), ::closedir);
  while (const dirent* entry = all ? ::readdir(all.get()) : nullptr) {
    const auto number = base::parse_number(entry->d_name, 0x7fffffff);
    if (!number) continue;
    const auto pid = static_cast<pid_t>(*number);
    if (!has_word(pid, argument)) continue;
    const auto start = start_time(pid);
    auto process = start ? find(pid, *start) : std::nullopt;
    struct stat its {};
    // A container on this host may have a switch of the same name, and this path in its own file system.
    if (process && process->has_argument(argument) && ::stat(proc(pid, "ns/net").c_str(), &its) == 0 &&
        its.st_ino == own.st_ino && its.st_dev == own.st_dev)
      out.push_back(std::move(*process));
  }
  return out;
}

bool Process::has_argument(const std::string& argument) const { return has_word(pid_, argument); }

void Process::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), number, nullptr, 0) == 0) return;
  const int err = errno;
  if (err != ESRCH) base::throw_errno(err, "signal process " + std::to_string(pid_));
}

bool Process::ends_within(std::chrono::milliseconds budget) const {
  const auto end = std::chrono::steady_clock::now() + budget;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd wait{fd_.get(), POLLIN, 0};
    const int polled = ::poll(&wait, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
    if (polled > 0) return true;
    if (polled == 0 || errno != EINTR) return false;
  }
}

}  // namespace trestle::kernel
