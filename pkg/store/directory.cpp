#include "store/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/text.h"

namespace trestle::store {
namespace {

constexpr int kDirFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// By the steps of the path where openat2() is missing or forbidden (seccomp profiles of 2020).
base::Fd open_by_steps(const base::Fd& dir, const std::string& below) {
  base::Fd at;
  for (const std::string& name : base::split(below, '/')) {
    at = base::try_open_at(at.valid() ? at : dir, name, kDirFlags);
    if (!at.valid()) break;
  }
  return at;
}

base::Fd open_dir(const base::Fd& dir, const std::string& below) {
  if (below.find('/') == std::string::npos) return base::try_open_at(dir, below, kDirFlags);
  open_how how{};
  how.flags = kDirFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, dir.get(), below.c_str(), &how, sizeof how);
    if (fd >= 0) return base::Fd(static_cast<int>(fd));
    if (errno == EINTR || errno == EAGAIN) continue;
    if (errno == ENOSYS || errno == EPERM) return open_by_steps(dir, below);
    return base::Fd();
  }
}

struct CloseDir {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};
using Listing = std::unique_ptr<DIR, CloseDir>;

Listing open_listing(const base::Fd& dir) {
  // A description of its own: the position of a directory belongs to the open file.
  const int fd = ::openat(dir.get(), ".", kDirFlags);
  if (fd < 0) return nullptr;
  Listing listing(::fdopendir(fd));
  if (!listing) ::close(fd);
  return listing;
}

bool scarce(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS || error == ENOSPC ||
         error == EINTR || error == EAGAIN;
}

bool is_dot(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

}  // namespace

void Dir::fail(int error, const std::string& verb, const std::string& name) const {
  base::throw_errno(error, path(name) + ": cannot " + verb, base::Code::store);
}

std::optional<Dir> Dir::find(const std::string& below) const {
  base::Fd fd = open_dir(fd_, below);
  const int error = errno;
  if (fd.valid()) return Dir(std::move(fd), path(below));
  if (error == ENOENT) return std::nullopt;
  fail(error, "open this directory", below);
}

std::optional<Dir> Dir::find_if_dir(const std::string& below) const {
  base::Fd fd = open_dir(fd_, below);
  const int error = errno;
  if (fd.valid()) return Dir(std::move(fd), path(below));
  if (error == ENOENT || error == ENOTDIR || error == ELOOP) return std::nullopt;
  fail(error, "open this directory", below);
}

Dir Dir::make(const std::string& below) const {
  if (auto there = find(below)) return std::move(*there);
  std::optional<Dir> at;
  for (const std::string& name : base::split(below, '/')) {
    const Dir& parent = at ? *at : *this;
    const int error = ::mkdirat(parent.fd(), name.c_str(), 0700) == 0 ? 0 : errno;
    if (error != 0 && error != EEXIST) parent.fail(error, "make this directory", name);
    auto next = parent.find(name);
    if (!next) parent.fail(ENOENT, "open this directory", name);
    at = std::move(next);
  }
  return std::move(*at);
}

Dir::Content Dir::read(const std::string& name, std::size_t limit) const {
  const auto failed = [&](int error) {
    if (scarce(error)) fail(error, "read", name);
    return Content{error, {}};
  };
  const base::Fd file = base::try_open_at(fd_, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file.valid()) return failed(errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return failed(errno);
  if (!S_ISREG(info.st_mode)) return {EINVAL, {}};
  if (info.st_size < 0 || static_cast<std::uint64_t>(info.st_size) > limit) return {EFBIG, {}};
  Content content;
  content.text.resize(static_cast<std::size_t>(info.st_size));
  std::size_t have = 0;
  while (have < content.text.size()) {
    const ssize_t n = ::read(file.get(), content.text.data() + have, content.text.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  content.text.resize(have);
  return content;
}

bool Dir::exists(const std::string& name) const {
  struct stat info {};
  if (::fstatat(fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno != ENOENT) fail(errno, "look at", name);
  return false;
}

std::optional<std::uint64_t> Dir::size(const std::string& name) const {
  struct stat info {};
  if (::fstatat(fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
    return S_ISREG(info.st_mode) ? std::optional(static_cast<std::uint64_t>(info.st_size)) : std::nullopt;
  if (errno != ENOENT) fail(errno, "look at", name);
  return std::nullopt;
}

std::vector<std::string> Dir::names() const {
  const Listing listing = open_listing(fd_);
  if (!listing) fail(errno, "list", ".");
  std::vector<std::string> found;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(listing.get());
    if (entry == nullptr && errno != 0) fail(errno, "list", ".");
    if (entry == nullptr) return found;
    if (!is_dot(entry->d_name)) found.emplace_back(entry->d_name);
  }
}

bool Dir::empty() const {
  std::uint64_t position = 0;
  for (;;) {
    const auto some = names_from(position);
    if (some.empty()) return true;
    for (const Position& at : some) {
      if (!is_dot(at.name.c_str())) return false;
      position = at.next;
    }
  }
}

std::vector<Dir::Position> Dir::names_from(std::uint64_t position) const {
  struct Entry {
    std::uint64_t inode, next;
    unsigned short length;
  };
  constexpr std::size_t kName = 19;  // of struct linux_dirent64
  std::vector<Position> found;
  const base::Fd own = base::try_open_at(fd_, ".", kDirFlags);
  if (!own.valid()) fail(errno, "list", ".");
  if (position != 0 && ::lseek(own.get(), static_cast<off_t>(position), SEEK_SET) < 0) return found;
  alignas(8) char buffer[512];
  const long n = ::syscall(SYS_getdents64, own.get(), buffer, sizeof buffer);
  if (n < 0 && position == 0) fail(errno, "list", ".");
  for (long at = 0; at < n;) {
    Entry entry{};
    std::memcpy(&entry, buffer + at, kName);
    found.push_back({buffer + at + kName, entry.next});
    at += entry.length;
  }
  return found;
}

int Dir::create_empty(const std::string& name) const {
  const base::Fd file = base::try_open_at(fd_, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  return file.valid() ? 0 : errno;
}

int Dir::write_new(const std::string& name, std::string_view text) const {
  for (bool again = false;; again = true) {
    const base::Fd file = base::try_open_at(fd_, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!file.valid() && errno == EEXIST && !again) {
      // What a kill left, or what somebody planted: never opened, so neither a FIFO nor a hard link does harm.
      if (const int error = unlink(name); error != 0) return error;
      continue;
    }
    if (!file.valid()) return errno;
    if (base::write_all(file.get(), text)) return 0;
    const int error = errno;
    (void)::unlinkat(fd(), name.c_str(), 0);
    return error;
  }
}

int Dir::write_in_place(const std::string& name, std::string_view text, std::uint64_t offset, bool create) const {
  const int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT : 0);
  const base::Fd file = base::try_open_at(fd_, name, flags, 0600);
  if (!file.valid()) return errno;
  while (!text.empty()) {
    const ssize_t n = ::pwrite(file.get(), text.data(), text.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    text.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return 0;
}

int Dir::truncate(const std::string& name, std::uint64_t size) const {
  const base::Fd file = base::try_open_at(fd_, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file.valid()) return errno;
  return ::ftruncate(file.get(), static_cast<off_t>(size)) == 0 ? 0 : errno;
}

int Dir::rename(const std::string& from, const std::string& to) const {
  return ::renameat(fd(), from.c_str(), fd(), to.c_str()) == 0 ? 0 : errno;
}

int Dir::rename_new(const std::string& from, const std::string& to) const {
  if (::renameat2(fd(), from.c_str(), fd(), to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  return exists(to) ? EEXIST : rename(from, to);  // a file system without the flag; the store's lock keeps others away
}

int Dir::unlink(const std::string& name) const {
  if (::unlinkat(fd(), name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR) return errno;
  base::Fd fd = base::try_open_at(fd_, name, kDirFlags);
  if (!fd.valid()) return errno;
  const Dir inside(std::move(fd), path(name));
  int first = 0;
  try {
    for (const std::string& entry : inside.names())
      if (const int error = inside.unlink(entry); error != 0 && first == 0) first = error;
  } catch (const base::Error&) {
    first = EIO;
  }
  if (::unlinkat(this->fd(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT && first == 0) first = errno;
  return first;
}

int Dir::replace(const std::string& name, std::string_view text) const {
  const std::string aside = "." + name + ".tmp";
  if (const int error = write_new(aside, text); error != 0) return error;
  int error = rename(aside, name);
  if (error == EISDIR && (error = unlink(name)) == 0) error = rename(aside, name);
  if (error != 0) (void)unlink(aside);
  return error;
}

}  // namespace trestle::store
