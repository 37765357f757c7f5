#pragma once
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace trestle::base {

// Owns a file descriptor. Move-only; -1 owns nothing.
class Fd {
 public:
  explicit Fd(int fd = -1) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }  // no operator int: a descriptor must not pass for an ifindex or a bool
  bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

// open(2) with O_CLOEXEC, retried on EINTR. An invalid Fd with errno set when it fails.
Fd try_open(const std::string& path, int flags, unsigned mode = 0);
// openat(2), same promise.
Fd try_open_at(const Fd& dir, const std::string& name, int flags, unsigned mode = 0);

// Reads all of `fd`, at most `limit` bytes, through short reads and EINTR. nullopt with errno set on failure
// (EFBIG when there is more than `limit`).
std::optional<std::string> read_all(int fd, std::size_t limit);

// Writes all of `text` through short writes and EINTR. false with errno set on failure.
[[nodiscard]] bool write_all(int fd, std::string_view text);

}  // namespace trestle::base
