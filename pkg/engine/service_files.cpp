#include "engine/service_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace trestle::engine {

using base::Code;
using base::Error;

namespace {

constexpr std::size_t kLimit = 1U << 20;
constexpr std::chrono::seconds kPatience{5};
constexpr const char* kLock = ".lock";
constexpr int kTries = 100;
constexpr const char* kFolders[] = {"hosts", "names", "networks"};

void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) {
    ::chmod(path.c_str(), 0755);  // whatever the umask
    return;
  }
  const int err = errno;
  if (err != EEXIST) base::throw_errno(err, "make directory " + path, Code::store);
}

// Invalid with errno ENOENT when there is none.
base::Fd open_directory(const std::string& path) {
  base::Fd fd = base::try_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const int err = errno;
  if (!fd.valid()) {
    errno = err;
    if (err == ENOENT) return fd;
    base::throw_errno(err, "open " + path, Code::store);
  }
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0 || found.st_uid != 0 || (found.st_mode & 022) != 0)
    throw Error(Code::store, path + ": others than root can write there, and it holds what dnsmasq is told; remove it");
  return fd;
}

bool is_linked(const base::Fd& fd) {
  struct stat found {};
  return ::fstat(fd.get(), &found) == 0 && found.st_nlink > 0;
}

// Of a file that root alone can open: the directory itself anybody could lock, for as long as he likes. Invalid: it was removed meanwhile.
base::Fd lock(const base::Fd& directory, const std::string& path) {
  base::Fd fd = base::try_open_at(directory, kLock, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  const int opened = errno;
  if (!fd.valid() && opened == ENOENT) return fd;
  if (!fd.valid()) base::throw_errno(opened, "open " + path + "/" + kLock, Code::store);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const int err = errno;
    if (err != EWOULDBLOCK && err != EINTR) base::throw_errno(err, "lock " + path, Code::store);
    if (std::chrono::steady_clock::now() > end)
      throw Error(Code::try_again, path + " is locked by another call for more than 5 s; try again");
    ::poll(nullptr, 0, 2);
  }
  return is_linked(directory) && is_linked(fd) ? std::move(fd) : base::Fd();
}

std::string folder_of(const std::string& name) {
  const std::size_t slash = name.find('/');
  return slash == name.npos ? "" : name.substr(0, slash);
}

// Hidden: dnsmasq passes over names that begin with a dot.
std::string aside_of(const std::string& name) {
  std::string out = name;
  std::replace(out.begin(), out.end(), '/', '-');
  return "." + out + ".new";
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

void remove_path(const std::string& path) {
  if (::remove(path.c_str()) == 0 || errno == ENOENT) return;
  const int err = errno;
  base::throw_errno(err, "remove " + path);
}

std::optional<std::string> read_file(const std::string& path) {
  const base::Fd fd = base::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  return fd.valid() ? base::read_all(fd.get(), kLimit) : std::nullopt;
}

}  // namespace

ServiceDirectory ServiceDirectory::make(const std::string& path) {
  for (;;) {
    const std::string parent = path.substr(0, path.rfind('/'));
    make_directory(parent);
    static_cast<void>(open_directory(parent));
    make_directory(path);
    base::Fd fd = open_directory(path);
    base::Fd held = fd.valid() ? lock(fd, path) : base::Fd();
    if (!held.valid()) continue;  // its service was taken down between the two
    for (const char* folder : kFolders) make_directory(path + "/" + folder);
    return {path, std::move(fd), std::move(held)};
  }
}

std::optional<ServiceDirectory> ServiceDirectory::open(const std::string& path) {
  base::Fd fd = open_directory(path);
  base::Fd held = fd.valid() ? lock(fd, path) : base::Fd();
  if (!held.valid()) return std::nullopt;
  return ServiceDirectory(path, std::move(fd), std::move(held));
}

std::string ServiceDirectory::read(const std::string& name) const { return read_file(path_ + "/" + name).value_or(""); }

void ServiceDirectory::remove(const std::string& name) const { remove_path(path_ + "/" + name); }

std::vector<std::string> ServiceDirectory::digests() const {
  std::vector<std::string> out{file_digest("dnsmasq.conf", read("dnsmasq.conf"))};
  for (const std::string& name : names_in(path_ + "/networks"))
    if (name.ends_with(".conf")) out.push_back(file_digest("networks/" + name, read("networks/" + name)));
  return out;
}

void ServiceDirectory::remove_all() const {
  for (const char* folder : kFolders) {
    const std::string path = path_ + "/" + folder;
    for (const std::string& name : names_in(path)) remove_path(path + "/" + name);
    remove_path(path);
  }
  // The lock last: whoever comes between it and its directory makes another lock there, finds nothing to serve, and is waited out.
  for (int tries = 0;; ++tries) {
    for (const std::string& name : names_in(path_))
      if (name != kLock) remove_path(path_ + "/" + name);
    remove_path(path_ + "/" + kLock);
    if (::rmdir(path_.c_str()) == 0 || errno == ENOENT) break;
    if (errno != ENOTEMPTY || tries == kTries) base::throw_errno(errno, "remove " + path_, Code::store);
    ::poll(nullptr, 0, 5);
  }
  remove_root_of(path_);
}

void ServiceDirectory::remove_root_of(const std::string& path) {
  ::rmdir(path.substr(0, path.rfind('/')).c_str());  // others may have theirs there
}

void write_service_file(const std::string& directory, const std::string& name, std::string_view text) {
  if (service_file_is(directory, name, text)) return;
  const std::string path = directory + "/" + name, aside = directory + "/" + aside_of(name);
  const std::string folder = folder_of(name);
  if (!folder.empty()) make_directory(directory + "/" + folder);
  const unsigned mode = folder == "hosts" || folder == "names" ? 0644 : 0600;
  ::unlink(aside.c_str());
  const base::Fd fd = base::try_open(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  bool good = fd.valid() && base::write_all(fd.get(), text) && ::fchmod(fd.get(), mode) == 0;
  good = good && ::rename(aside.c_str(), path.c_str()) == 0;
  const int err = errno;
  if (good) return;
  ::unlink(aside.c_str());
  base::throw_errno(err, "write " + path);
}

bool service_file_is(const std::string& directory, const std::string& name, std::string_view text) {
  const auto found = read_file(directory + "/" + name);
  return found && *found == text;
}

void remove_service_file(const std::string& directory, const std::string& name) {
  ::unlink((directory + "/" + aside_of(name)).c_str());
  const std::string path = directory + "/" + name;
  if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return;
  const int err = errno;
  base::throw_errno(err, "remove " + path);
}

std::string file_digest(std::string_view name, std::string_view text) {
  return base::hex(base::hash64(std::string(name) + "\n" + std::string(text)), 16);
}

}  // namespace trestle::engine
