#pragma once
// Released addresses that are not given out yet, oldest first, in one file of a segment. Their bits stay set meanwhile. In a file of its own, of
// the same form: those of VMs that moved to another node, whose rest has no end.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/ip.h"
#include "net/mac.h"
#include "store/directory.h"
#include "store/segment_files.h"

namespace trestle::store {

inline constexpr std::uint64_t kRest = 30'000'000'000U;  // ns

struct Resting {
  std::uint64_t since = 0;  // CLOCK_BOOTTIME, ns
  net::Ip ip;
  std::optional<net::Mac> mac;  // that had it
};

// The file: a header {head, sum}, then entries of 40 bytes, each with its own checksum, read only when looked at.
class RestingList {
 public:
  explicit RestingList(const char* file = files::kRestingFile) : file_(file) {}
  // Absent is empty. A file that cannot be read or has an impossible length is not sound().
  explicit RestingList(const Dir& segment, const char* file = files::kRestingFile);

  bool sound() const noexcept { return sound_; }
  std::size_t size() const noexcept { return entries_.size() / kEntry; }
  std::size_t first() const noexcept { return head_; }
  // nullopt: taken out, or damaged (then the list is no longer sound).
  std::optional<Resting> at(std::size_t index);
  void drop(std::size_t index);  // taken out
  void drop_before(std::size_t index) noexcept { head_ = index; }
  void assign(const std::vector<Resting>& entries);  // everything anew

  // 0 or an errno.
  [[nodiscard]] int save(const Dir& segment);
  // Adds to the file without reading it; on failure it is as before. EINVAL: it is damaged.
  [[nodiscard]] static int append(const Dir& segment, const std::vector<Resting>& entries,
                                  const char* file = files::kRestingFile);

 private:
  static constexpr std::size_t kEntry = 40;
  static constexpr std::size_t kHeader = 16;
  const char* file_ = files::kRestingFile;
  std::string entries_;
  std::size_t head_ = 0, saved_head_ = 0;
  std::vector<std::size_t> dropped_;
  bool sound_ = true, anew_ = false;
};

}  // namespace trestle::store
