// Opening the store: is it a directory that only we can write, and do its records speak of this boot and this host?
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "store/seal.h"
#include "store/store_impl.h"

namespace trestle::store {
namespace {

constexpr const char* kHost = "host";
constexpr const char* kLock = "lock";
constexpr std::size_t kMostHost = 4096;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw base::Error(base::Code::store, path + ": " + why);
}

constexpr int kOpenDir = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

// The directories above may be anybody's choice: symlinks are followed there, and they are made as others make them.
void make_parents(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string parent = path.substr(0, at);
    if (::mkdir(parent.c_str(), 0755) == 0 || errno == EEXIST || errno == EROFS) continue;
    base::throw_errno(errno, parent + ": cannot make this directory", base::Code::store);
  }
}

// nullopt: absent, and not to be made.
std::optional<Dir> open_root(std::string path, bool make) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.size() < 2 || path.front() != '/') refuse(path, "the state directory must be an absolute path");
  base::Fd fd = base::try_open(path, kOpenDir);
  if (!fd.valid() && errno == ENOENT && !make) return std::nullopt;
  if (!fd.valid() && errno == ENOENT) {
    make_parents(path);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      base::throw_errno(errno, path + ": cannot make the state directory", base::Code::store);
    fd = base::try_open(path, kOpenDir);
  }
  const int error = errno;
  if (!fd.valid() && (error == ELOOP || error == ENOTDIR))
    refuse(path, "the state directory must be a directory, not a symlink or file");
  if (!fd.valid()) base::throw_errno(error, path + ": cannot open the state directory", base::Code::store);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    base::throw_errno(errno, path + ": cannot look at the state directory", base::Code::store);
  if (info.st_uid != ::geteuid())
    refuse(path, "the state directory belongs to user " + std::to_string(info.st_uid) + ", not to user " +
                     std::to_string(::geteuid()) +
                     ": who can write it could hand out addresses; remove it or set its owner");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    refuse(path, "the state directory is writable for others: chmod 0700 it");
  return Dir(std::move(fd), path);
}

std::optional<Locks> open_locks(const Dir& root, bool make) {
  const int flags = O_NOFOLLOW | O_NONBLOCK;
  base::Fd fd = base::try_open_at(root.handle(), kLock, O_RDWR | flags | (make ? O_CREAT : 0), 0600);
  if (!fd.valid() && errno == EROFS) fd = base::try_open_at(root.handle(), kLock, O_RDONLY | flags);
  if (!fd.valid() && errno == ENOENT && !make) return std::nullopt;
  if (!fd.valid()) root.fail(errno, "open", kLock);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
    refuse(root.path(kLock), "is no regular file: remove it");
  return Locks(std::move(fd));
}

// The text of the `host` file: whose kernel objects the records speak of.
std::string host_text(const Identity& id) {
  return seal(dump({{"boot", id.boot}, {"host", id.host_cookie}, {"schema", kSchema}}));
}

enum class Whose { ours, other_boot, other_host, unknown };

Whose whose(const Dir& root, const Identity& id) {
  const Dir::Content content = root.read(kHost, kMostHost);
  if (content.error == 0 && content.text == host_text(id)) return Whose::ours;
  if (content.error != 0 || !sealed_part(content.text)) return Whose::unknown;
  try {
    const nlohmann::json json = parse_sealed(content.text);
    if (json.at("boot").get<std::string>() != id.boot) return Whose::other_boot;
    return json.at("host").get<std::uint64_t>() == id.host_cookie ? Whose::ours : Whose::other_host;
  } catch (const std::exception&) {
    return Whose::unknown;
  }
}

[[noreturn]] void refuse_other_host(const Dir& root) {
  refuse(root.path(),
         "the records in it belong to another network namespace that acts as a host: give this one a state directory "
         "of its own "
         "(stateDir, --state-dir or TRESTLE_STATE_DIR)");
}

// All that is ours but the locks; what else somebody keeps in the directory stays. The `host` file stays what it was until all is
// gone, so that a kill in between begins anew.
void wipe(const Dir& root) {
  for (const char* name : {"records", "segments", "switches", "departed", "heal", "overlay"})
    root.check(root.unlink(name), "remove", name);
}

std::optional<Record> readable(const std::string& text) {
  try {
    return parse_record(text);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

// Without a readable `host` file the records themselves tell whose they are. For a look: one void record means that all are, until a call
// that may write sorts them out. `ours` when none tells, so that damaged ones are seen.
Whose whose_records(const Dir& root, const Identity& id) {
  const auto records = root.find("records");
  if (!records) return Whose::unknown;
  for (const std::string& name : records->names()) {
    if (!record_hash(name)) continue;
    const Dir::Content content = records->read(name, kMaxRecord);
    const auto record = content.error == 0 ? readable(content.text) : std::nullopt;
    if (record && record->boot != id.boot) return Whose::other_boot;
    if (record && record->host_cookie != id.host_cookie) return Whose::other_host;
  }
  return Whose::ours;
}

// As above, for a call that may write.
void sort_out(const Dir& root, const Identity& id) {
  const auto records = root.find("records");
  if (!records) return;
  bool removed = false;
  for (const std::string& name : records->names()) {
    if (!record_hash(name)) continue;
    const Dir::Content content = records->read(name, kMaxRecord);
    if (content.error != 0) continue;
    const auto record = readable(content.text);
    if (!record || (record->boot == id.boot && record->host_cookie == id.host_cookie)) continue;
    if (record->boot == id.boot) refuse_other_host(root);
    records->check(records->unlink(name), "remove", name);
    removed = true;
  }
  if (removed)
    for (const char* name : {"segments", "switches"}) root.check(root.unlink(name), "remove", name);
}

bool has_records(const Dir& root) {
  const auto records = root.find("records");
  return records && !records->empty();
}

void take_over(const Dir& root, Locks& locks, const Identity& id) {
  const Lock held = locks.store(Deadline::in(std::chrono::seconds(15)));
  switch (whose(root, id)) {
    case Whose::ours:
      return;
    case Whose::other_boot:
      wipe(root);
      break;
    case Whose::other_host:
      if (has_records(root)) refuse_other_host(root);
      wipe(root);
      break;
    case Whose::unknown:
      sort_out(root, id);
      break;
  }
  // DEL must work on a full disk. Without the file whoever comes next sorts the records out once more.
  const int error = root.replace(kHost, host_text(id));
  if (error != ENOSPC && error != EDQUOT) root.check(error, "write", kHost);
}

}  // namespace

void check_room(const std::string& directory) {
  std::string there = directory;
  while (::access(there.c_str(), F_OK) != 0 && there.rfind('/') != 0) there.resize(there.rfind('/'));
  if (::access(there.c_str(), W_OK) != 0)
    base::throw_errno(errno, directory + ": the state directory cannot be written", base::Code::store);
  struct statvfs disk {};
  if (::statvfs(there.c_str(), &disk) != 0)
    base::throw_errno(errno, directory + ": cannot look at the state directory's file system", base::Code::store);
  constexpr std::uint64_t kBytes = 1U << 16, kFiles = 16;  // an ADD takes less; counts of 0 mean that there is no limit
  if ((disk.f_blocks != 0 && disk.f_bfree * disk.f_frsize < kBytes) || (disk.f_files != 0 && disk.f_ffree < kFiles))
    refuse(directory, "the file system of the state directory is full");
}

std::unique_ptr<Store> open_store(const std::string& directory, const Identity& identity, bool read_only) {
  auto root = open_root(directory, !read_only);
  if (!root) return nullptr;
  auto locks = open_locks(*root, !read_only);
  if (!locks) return nullptr;
  if (read_only) {
    Whose it = whose(*root, identity);
    if (it == Whose::unknown) it = whose_records(*root, identity);
    if (it == Whose::other_host && has_records(*root)) refuse_other_host(*root);
    if (it != Whose::ours) return nullptr;
  } else if (whose(*root, identity) != Whose::ours) {
    take_over(*root, *locks, identity);
  }
  return std::make_unique<DirectoryStore>(std::move(*root), std::move(*locks));
}

}  // namespace trestle::store
