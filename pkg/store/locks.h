#pragma once
// Open-file-description byte-range locks at hash offsets of one file: nothing to leak, freed by the kernel on SIGKILL.
// Order: pod, switch, tables, attachment, VM, store. Taken again until a deadline, then Error{try_again} (11) naming what is busy.
// A switch wanted exclusively lets nobody in who comes later, for 2 s at most; the try_… neither wait nor keep anybody out.
// The kernel knows one owner per open file, so what this process holds is counted here: taking a range twice, or a wider one
// over a narrower one, gives two Locks, and the range is free when both are gone.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "net/ifname.h"
#include "net/names.h"

namespace trestle::store {

// When a verb must have ended (CLOCK_BOOTTIME): ADD 15 s, DEL 20 s.
class Deadline {
 public:
  static Deadline in(std::chrono::milliseconds budget);
  std::chrono::milliseconds left() const;  // never negative
  bool passed() const { return left().count() == 0; }

 private:
  explicit Deadline(std::uint64_t at) : at_(at) {}
  std::uint64_t at_;
};

class HeldRanges;

// A held range; released when destroyed. Move-only.
class Lock {
 public:
  Lock() = default;
  Lock(std::shared_ptr<HeldRanges> ranges, std::uint64_t id) : ranges_(std::move(ranges)), id_(id) {}
  Lock(Lock&& other) noexcept = default;
  Lock& operator=(Lock&& other) noexcept;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { release(); }
  void release() noexcept;
  void downgrade();  // exclusive -> shared, without a gap
  bool held() const noexcept { return ranges_ != nullptr; }

 private:
  std::shared_ptr<HeldRanges> ranges_;
  std::uint64_t id_ = 0;
};

// On a read-only file system, where no record can come or go, exclusive locks are taken as shared ones.
class Locks {
 public:
  explicit Locks(base::Fd file);
  // All calls for one container's NICs: an ADD may have to add to the record of another of them.
  Lock pod(const std::string& container, const Deadline& deadline);
  std::optional<Lock> try_pod(const std::string& container);
  Lock switch_shared(const net::IfName& bridge, const Deadline& deadline);
  Lock switch_exclusive(const net::IfName& bridge, const Deadline& deadline);
  std::optional<Lock> try_switch_exclusive(const net::IfName& bridge);
  std::optional<Lock> try_switch_shared(const net::IfName& bridge);
  Lock all_switches_exclusive(const Deadline& deadline);  // heal, repair: no attachment comes or goes on the node
  std::optional<Lock> try_all_switches_exclusive();
  Lock tables(const Deadline& deadline);  // exclusive: making or removing what switches share
  Lock attachment(const net::Owner& owner, const Deadline& deadline);
  std::optional<Lock> try_attachment(const net::Owner& owner);
  std::optional<Lock> try_attachment(std::uint64_t owner_hash);
  // Whoever makes or undoes what two pods of one VM may both name holds it meanwhile (store.h, kin).
  Lock vm(const std::string& vm, const Deadline& deadline);
  std::optional<Lock> try_vm(const std::string& vm);
  Lock store(const Deadline& deadline);

 private:
  std::optional<Lock> attempt(short type, std::uint64_t start, std::uint64_t length);
  Lock take(short type, std::uint64_t start, std::uint64_t length, const Deadline& deadline, const std::string& what);
  Lock take_alone(std::uint64_t start, std::uint64_t length, const Deadline& deadline, const std::string& what);
  void pass_gate(std::uint64_t byte, const Deadline& deadline);
  std::shared_ptr<HeldRanges> ranges_;
};

}  // namespace trestle::store
