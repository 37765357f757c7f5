#pragma once
// A directory of the store, held open: every file is reached from it by one name, and no symlink is ever followed below it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace trestle::store {

class Dir {
 public:
  Dir(base::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  int fd() const noexcept { return fd_.get(); }
  const base::Fd& handle() const noexcept { return fd_; }
  const std::string& path() const noexcept { return path_; }
  std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }

  // The directory `below` ("segments/0123456789abcdef"). nullopt: absent. Throws Error{store} when something else is in its place.
  std::optional<Dir> find(const std::string& below) const;
  // As find(), and nullopt as well for a foreign file or symlink.
  std::optional<Dir> find_if_dir(const std::string& below) const;
  // As find(), made (0700) when absent.
  Dir make(const std::string& below) const;

  // Looking never takes a lack of descriptors or memory for absence or damage: all of these throw Error{store} then.

  // A whole file. `error`: 0, or an errno (ENOENT; EINVAL: no regular file; EFBIG: larger than `limit`).
  struct Content {
    int error = 0;
    std::string text;
  };
  Content read(const std::string& name, std::size_t limit) const;
  bool exists(const std::string& name) const;                        // of whatever kind, as itself
  std::optional<std::uint64_t> size(const std::string& name) const;  // nullopt: absent, or no regular file
  std::vector<std::string> names() const;                            // all but "." and ".."; in no order
  bool empty() const;                                                // costs one look, however much is in it
  // The names from `position` on (0: from the start), "." and ".." too, as many as one small buffer holds. A position is one that an
  // earlier answer gave; any other is a place to start as well. Empty at the end.
  struct Position {
    std::string name;
    std::uint64_t next = 0;  // position behind it
  };
  std::vector<Position> names_from(std::uint64_t position) const;

  // All of these return 0 or an errno.
  [[nodiscard]] int create_empty(const std::string& name) const;                      // EEXIST: was there
  [[nodiscard]] int write_new(const std::string& name, std::string_view text) const;  // replaces whatever has the name
  [[nodiscard]] int write_in_place(const std::string& name, std::string_view text, std::uint64_t offset,
                                   bool create) const;
  [[nodiscard]] int truncate(const std::string& name, std::uint64_t size) const;
  [[nodiscard]] int rename(const std::string& from, const std::string& to) const;
  [[nodiscard]] int rename_new(const std::string& from,
                               const std::string& to) const;  // EEXIST: `to` is there, untouched
  [[nodiscard]] int unlink(const std::string& name) const;    // absent is success; a directory goes too
  // Written aside under a name made from `name`, then renamed. Nothing is left aside on failure.
  [[nodiscard]] int replace(const std::string& name, std::string_view text) const;

  // Throws Error{store}: "<path>/<name>: cannot <verb>: <reason>".
  [[noreturn]] void fail(int error, const std::string& verb, const std::string& name) const;
  void check(int error, const std::string& verb, const std::string& name) const {
    if (error != 0) fail(error, verb, name);
  }

 private:
  base::Fd fd_;
  std::string path_;
};

}  // namespace trestle::store
