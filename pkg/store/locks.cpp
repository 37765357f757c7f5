#include "store/locks.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "net/vm_identity.h"
#include "store/clock.h"

namespace trestle::store {
namespace {

constexpr std::uint64_t kRegion = 1ULL << 60;  // bytes of the switches' and of the attachments' region
constexpr std::uint64_t kSwitches = 0;
constexpr std::uint64_t kTables = kRegion;
constexpr std::uint64_t kStore = kRegion + 1;
constexpr std::uint64_t kAttachments = 2 * kRegion;
constexpr std::uint64_t kVms = 3 * kRegion;
constexpr std::uint64_t kGates =
    4 * kRegion;  // one per switch: whoever wants it alone closes it to those who come later
constexpr std::uint64_t kPods = 5 * kRegion;
constexpr std::chrono::milliseconds kGateClosed{2000};

std::uint64_t switch_byte(const net::IfName& bridge) { return kSwitches + base::hash64(bridge.str()) % kRegion; }
std::uint64_t attachment_byte(std::uint64_t hash) { return kAttachments + hash % kRegion; }
std::uint64_t vm_byte(const std::string& vm) { return kVms + net::vm_hash(vm) % kRegion; }
std::uint64_t pod_byte(const std::string& container) { return kPods + base::hash64(container) % kRegion; }
std::string switch_text(const net::IfName& bridge) { return "switch " + bridge.str(); }

}  // namespace

Deadline Deadline::in(std::chrono::milliseconds budget) {
  return Deadline(boottime() + static_cast<std::uint64_t>(std::max<std::int64_t>(budget.count(), 0)) * 1'000'000U);
}

std::chrono::milliseconds Deadline::left() const {
  const std::uint64_t now = boottime();
  // Rounded up: 0 means passed.
  return std::chrono::milliseconds(now >= at_ ? 0 : static_cast<std::int64_t>((at_ - now + 999'999U) / 1'000'000U));
}

// What this process holds of the file. The kernel's state is always the strongest of the entries over each byte.
class HeldRanges {
 public:
  explicit HeldRanges(base::Fd file) : file_(std::move(file)) {}

  // The new entry's id; nullopt: another process is in the way.
  std::optional<std::uint64_t> acquire(short type, std::uint64_t start, std::uint64_t length) {
    const Entry entry{++last_, type, start, start + length};
    const bool covered = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) {
      return e.start <= entry.start && entry.end <= e.end && (e.type == F_WRLCK || type == F_RDLCK);
    });
    if (!covered) {
      const int error = set(type, entry.start, entry.end);
      if (error == EAGAIN || error == EACCES) return std::nullopt;
      if (error != 0) base::throw_errno(error, "cannot lock the store's file", base::Code::store);
    }
    entries_.push_back(entry);
    return entry.id;
  }

  void release(std::uint64_t id) noexcept {
    const auto it = find(id);
    if (it == entries_.end()) return;
    const Entry gone = *it;
    entries_.erase(it);
    settle(gone.start, gone.end);
  }

  // Does another process hold this byte exclusively?
  bool closed(std::uint64_t byte) noexcept {
    struct flock range {};
    range.l_type = F_RDLCK;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(byte);
    range.l_len = 1;
    return ::fcntl(file_.get(), F_OFD_GETLK, &range) == 0 && range.l_type == F_WRLCK;
  }

  // Does this process hold anything in [start, end)?
  bool holds_in(std::uint64_t start, std::uint64_t end) const noexcept {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& e) { return start < e.end && e.start < end; });
  }

  void downgrade(std::uint64_t id) noexcept {
    const auto it = find(id);
    if (it == entries_.end() || it->type == F_RDLCK) return;
    it->type = F_RDLCK;
    settle(it->start, it->end);
  }

 private:
  struct Entry {
    std::uint64_t id;
    short type;
    std::uint64_t start, end;
  };

  std::vector<Entry>::iterator find(std::uint64_t id) noexcept {
    return std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.id == id; });
  }

  // Brings [start, end) to what the entries that are left ask for, piece by piece.
  void settle(std::uint64_t start, std::uint64_t end) noexcept {
    while (start < end) {
      std::uint64_t until = end;
      short type = F_UNLCK;
      for (const Entry& e : entries_) {
        if (e.end <= start || e.start >= until) continue;
        if (e.start > start) {
          until = e.start;
          continue;
        }
        until = std::min(until, e.end);
      }
      for (const Entry& e : entries_)
        if (e.start <= start && until <= e.end && type != F_WRLCK) type = e.type;
      (void)set(type, start, until);
      start = until;
    }
  }

  int set(short type, std::uint64_t start, std::uint64_t end) noexcept {
    struct flock range {};
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(start);
    range.l_len = static_cast<off_t>(end - start);
    for (;;) {
      if (::fcntl(file_.get(), F_OFD_SETLK, &range) == 0) return 0;
      if (errno == EINTR) continue;
      if (errno != EBADF || range.l_type != F_WRLCK) return errno;
      range.l_type = F_RDLCK;  // opened for reading only: the file system is
    }
  }

  base::Fd file_;
  std::vector<Entry> entries_;
  std::uint64_t last_ = 0;
};

Lock& Lock::operator=(Lock&& other) noexcept {
  std::swap(ranges_, other.ranges_);
  std::swap(id_, other.id_);
  other.release();
  return *this;
}

void Lock::release() noexcept {
  if (ranges_) ranges_->release(id_);
  ranges_.reset();
}

void Lock::downgrade() {
  if (ranges_) ranges_->downgrade(id_);
}

Locks::Locks(base::Fd file) : ranges_(std::make_shared<HeldRanges>(std::move(file))) {}

std::optional<Lock> Locks::attempt(short type, std::uint64_t start, std::uint64_t length) {
  if (const auto id = ranges_->acquire(type, start, length)) return Lock(ranges_, *id);
  return std::nullopt;
}

namespace {

// Tries until it is done or the time is over; false then.
template <class F>
bool keep_trying(const Deadline& deadline, F&& done) {
  constexpr long kShortest = 50'000, kLongest = 5'000'000;  // ns
  for (long pause = kShortest;; pause = std::min(pause * 2, kLongest)) {
    if (done()) return true;
    if (deadline.passed()) return false;
    const timespec nap{0, pause};
    ::nanosleep(&nap, nullptr);
  }
}

}  // namespace

Lock Locks::take(short type, std::uint64_t start, std::uint64_t length, const Deadline& deadline,
                 const std::string& what) {
  std::optional<Lock> lock;
  if (keep_trying(deadline, [&] { return (lock = attempt(type, start, length)).has_value(); })) return std::move(*lock);
  throw base::Error(base::Code::try_again,
                    what + " is busy: another call of trestle held it until this call's time was over");
}

// Shared locks that follow each other without a gap would keep an exclusive one out for ever: a network's first pod on a switch where
// another's come and go all the time failed with code 11. So it closes the gate first; those inside leave, and nobody comes. Not for
// long: one call that hangs inside must not keep all the others out.
Lock Locks::take_alone(std::uint64_t start, std::uint64_t length, const Deadline& deadline, const std::string& what) {
  const Deadline soon = Deadline::in(std::min(deadline.left(), kGateClosed));
  std::optional<Lock> gate, lock;
  const auto enter = [&] {
    if (!gate) gate = attempt(F_WRLCK, kGates + start, length);
    return (lock = attempt(F_WRLCK, start, length)).has_value();
  };
  if (keep_trying(soon, enter)) return std::move(*lock);
  gate.reset();
  return take(F_WRLCK, start, length, deadline, what);
}

// Who is inside of one switch already must not wait at another's gate: whoever closed it may be waiting for just that one to leave.
void Locks::pass_gate(std::uint64_t byte, const Deadline& deadline) {
  if (ranges_->holds_in(kSwitches, kSwitches + kRegion)) return;
  static_cast<void>(keep_trying(deadline, [&] { return !ranges_->closed(kGates + byte); }));
}

Lock Locks::pod(const std::string& container, const Deadline& deadline) {
  return take(F_WRLCK, pod_byte(container), 1, deadline, "container " + container);
}
std::optional<Lock> Locks::try_pod(const std::string& container) { return attempt(F_WRLCK, pod_byte(container), 1); }
Lock Locks::switch_shared(const net::IfName& bridge, const Deadline& deadline) {
  pass_gate(switch_byte(bridge), deadline);
  return take(F_RDLCK, switch_byte(bridge), 1, deadline, switch_text(bridge));
}
Lock Locks::switch_exclusive(const net::IfName& bridge, const Deadline& deadline) {
  return take_alone(switch_byte(bridge), 1, deadline, switch_text(bridge));
}
std::optional<Lock> Locks::try_switch_exclusive(const net::IfName& bridge) {
  return attempt(F_WRLCK, switch_byte(bridge), 1);
}
std::optional<Lock> Locks::try_switch_shared(const net::IfName& bridge) {
  return attempt(F_RDLCK, switch_byte(bridge), 1);
}
Lock Locks::all_switches_exclusive(const Deadline& deadline) {
  return take_alone(kSwitches, kRegion, deadline, "a switch of this node");
}
std::optional<Lock> Locks::try_all_switches_exclusive() { return attempt(F_WRLCK, kSwitches, kRegion); }
Lock Locks::tables(const Deadline& deadline) { return take(F_WRLCK, kTables, 1, deadline, "what the switches share"); }
Lock Locks::attachment(const net::Owner& owner, const Deadline& deadline) {
  return take(F_WRLCK, attachment_byte(net::owner_hash(owner)), 1, deadline,
              "attachment " + owner.network + "/" + owner.container + "/" + owner.ifname);
}
std::optional<Lock> Locks::try_attachment(const net::Owner& owner) { return try_attachment(net::owner_hash(owner)); }
std::optional<Lock> Locks::try_attachment(std::uint64_t owner_hash) {
  return attempt(F_WRLCK, attachment_byte(owner_hash), 1);
}
Lock Locks::vm(const std::string& vm, const Deadline& deadline) {
  return take(F_WRLCK, vm_byte(vm), 1, deadline, "virtual machine " + vm);
}
std::optional<Lock> Locks::try_vm(const std::string& vm) { return attempt(F_WRLCK, vm_byte(vm), 1); }
Lock Locks::store(const Deadline& deadline) { return take(F_WRLCK, kStore, 1, deadline, "the store"); }

}  // namespace trestle::store
