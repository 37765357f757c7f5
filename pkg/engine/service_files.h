#pragma once
// The directory of a service. Readable for all, because dnsmasq is root no more when it reads `hosts` and `names` again; the rest root's alone.
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace trestle::engine {

class ServiceDirectory {
 public:
  // Makes it with its parent and its folders, 0755 root, and takes its lock: one at a time starts or ends a service. Throws Error{store} when
  // somebody else could write there, Error{try_again} when the lock cannot be had in time.
  static ServiceDirectory make(const std::string& path);
  // nullopt: there is none.
  static std::optional<ServiceDirectory> open(const std::string& path);

  const std::string& path() const { return path_; }
  const base::Fd& fd() const { return fd_; }
  // "" when there is none.
  std::string read(const std::string& name) const;
  void remove(const std::string& name) const;
  // dnsmasq.conf and networks/*.conf as they are now, each as 16 hexadecimal digits of its name and text.
  std::vector<std::string> digests() const;
  void remove_all() const;                              // and itself, and its parent with the last one
  static void remove_root_of(const std::string& path);  // that parent, if it is empty

 private:
  ServiceDirectory(std::string path, base::Fd fd, base::Fd lock)
      : path_(std::move(path)), fd_(std::move(fd)), lock_(std::move(lock)) {}
  std::string path_;
  base::Fd fd_, lock_;
};

// One file below a service's directory, written aside and renamed, its folder made when missing; nothing is done when the text is there already.
// Needs no lock: each attachment has files of its own.
void write_service_file(const std::string& directory, const std::string& name, std::string_view text);
bool service_file_is(const std::string& directory, const std::string& name, std::string_view text);
void remove_service_file(const std::string& directory, const std::string& name);  // absent is success
// What digests() has for a file.
std::string file_digest(std::string_view name, std::string_view text);

}  // namespace trestle::engine
