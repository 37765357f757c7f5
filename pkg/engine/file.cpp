#include "engine/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/fd.h"

namespace trestle::engine {

namespace {

constexpr std::size_t kLimit = 1U << 16;

void make_parent(const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  if (::mkdir(parent.c_str(), 0755) == 0 || errno == EEXIST || parent.empty()) return;
  const int err = errno;
  base::throw_errno(err, "make directory " + parent);
}

}  // namespace

bool file_has(const std::string& path, const std::string& text) {
  const base::Fd fd = base::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd.valid()) return false;
  const auto found = base::read_all(fd.get(), kLimit);
  return found && *found == text;
}

void ensure_file(const std::string& path, const std::string& text) {
  if (!file_has(path, text)) write_file(path, text);
}

void write_file(const std::string& path, const std::string& text) {
  make_parent(path);
  const std::string aside = path + ".trestle-new";
  ::unlink(aside.c_str());
  {
    const base::Fd fd = base::try_open(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    int err = errno;
    bool good = fd.valid();
    if (good && (!base::write_all(fd.get(), text) || ::fchmod(fd.get(), 0644) != 0)) {
      err = errno;
      good = false;
    }
    if (good && ::rename(aside.c_str(), path.c_str()) == 0) return;
    if (good) err = errno;
    ::unlink(aside.c_str());
    base::throw_errno(err, "write " + path);
  }
}

void remove_file(const std::string& path, const std::string& text) {
  ::unlink((path + ".trestle-new").c_str());
  const base::Fd fd = base::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return;
  const auto found = fd.valid() ? base::read_all(fd.get(), kLimit) : std::nullopt;
  if (!found && errno != EFBIG) {  // a lack of descriptors or memory must not pass for "not ours"
    const int err = errno;
    base::throw_errno(err, "read " + path);
  }
  if (!found || *found != text) return;
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  const int err = errno;
  base::throw_errno(err, "remove " + path);
}

void remove_files_like(const std::string& path, std::size_t more, const std::string& text) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = path.substr(0, slash), start = path.substr(slash + 1);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(parent.c_str()), ::closedir);
  if (!directory) {
    const int err = errno;
    if (err == ENOENT || err == ENOTDIR) return;
    base::throw_errno(err, "read " + parent);
  }
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (!name.starts_with(start) || name.size() != start.size() + more) continue;
    const base::Fd fd = base::try_open(parent + "/" + name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const auto found = fd.valid() ? base::read_all(fd.get(), kLimit) : std::nullopt;
    if (!found || !found->starts_with(text) || ::unlink((parent + "/" + name).c_str()) == 0 || errno == ENOENT)
      continue;
    const int err = errno;
    base::throw_errno(err, "remove " + parent + "/" + name);
  }
}

}  // namespace trestle::engine
