#include "store/departed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/hash.h"

namespace trestle::store {
namespace {

constexpr const char* kFile = "departed";
constexpr std::uint64_t kBuckets = 1024;

struct Slot {
  std::uint64_t owner, ns, ticks, sum;
  std::uint64_t right_sum() const {
    return base::hash64({reinterpret_cast<const char*>(this), sizeof *this - sizeof sum});
  }
  bool valid() const { return ns != 0 && sum == right_sum(); }
};
static_assert(sizeof(Slot) == 32);
using Bucket = std::array<Slot, 4>;
constexpr std::uint64_t kSize = kBuckets * sizeof(Bucket);

off_t bucket_at(std::uint64_t owner) { return static_cast<off_t>(owner % kBuckets * sizeof(Bucket)); }

bool read_bucket(const base::Fd& file, std::uint64_t owner, Bucket& bucket) {
  return ::pread(file.get(), &bucket, sizeof bucket, bucket_at(owner)) == static_cast<ssize_t>(sizeof bucket);
}

base::Fd open_for_marks(const Dir& root) {
  for (bool again = false;; again = true) {
    base::Fd file = base::try_open_at(root.handle(), kFile, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat info {};
    if (file.valid() && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) {
      const auto size = static_cast<std::uint64_t>(info.st_size);
      // Its room is taken at once: a mark must be possible on a full disk.
      if (size < kSize && ::fallocate(file.get(), 0, 0, static_cast<off_t>(kSize)) != 0)
        (void)!::ftruncate(file.get(), static_cast<off_t>(kSize));
      return file;
    }
    if (again || root.unlink(kFile) != 0) return base::Fd();
  }
}

}  // namespace

void mark_departed(const Dir& root, std::uint64_t owner, const ProcessStart& del) noexcept {
  const base::Fd file = open_for_marks(root);
  Bucket bucket{};
  if (!file.valid() || !read_bucket(file, owner, bucket)) return;
  const auto age = [](const Slot& slot) { return slot.valid() ? slot.ns : 0; };
  const auto own =
      std::find_if(bucket.begin(), bucket.end(), [&](const Slot& s) { return s.valid() && s.owner == owner; });
  const auto it = own != bucket.end() ? own
                                      : std::min_element(bucket.begin(), bucket.end(),
                                                         [&](const Slot& a, const Slot& b) { return age(a) < age(b); });
  // Two DELs of one attachment: the later one counts, whichever writes last.
  Slot slot{owner, del.ns, del.ticks, 0};
  if (own != bucket.end()) {
    slot.ns = std::max(slot.ns, own->ns);
    slot.ticks = std::max(slot.ticks, own->ticks);
  }
  slot.sum = slot.right_sum();
  const auto index = static_cast<off_t>(it - bucket.begin());
  (void)!::pwrite(file.get(), &slot, sizeof slot, bucket_at(owner) + index * static_cast<off_t>(sizeof slot));
}

bool departed_since(const Dir& root, std::uint64_t owner) {
  const base::Fd file = base::try_open_at(root.handle(), kFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  Bucket bucket{};
  if (!file.valid() || !read_bucket(file, owner, bucket)) return false;
  for (const Slot& slot : bucket) {
    if (!slot.valid() || slot.owner != owner) continue;
    const ProcessStart del{slot.ns, slot.ticks};
    // The ticks cost a look into /proc: asked only when the clock alone does not tell.
    return began_before({process_start_ns(), 0}, del) || began_before(process_start(), del);
  }
  return false;
}

}  // namespace trestle::store
