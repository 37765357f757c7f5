// How a segment's changes reach the disk. No step is undone: a change that was cut short leaves the dirty mark.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/segment.h"
#include "store/segment_files.h"

namespace trestle::store {
namespace {

struct CursorBytes {
  std::uint64_t pool, high, low, family, sum;
};
static_assert(sizeof(CursorBytes) == 40);
constexpr std::size_t kMostCursors = 64;

std::uint64_t sum_of(const CursorBytes& c) {
  return base::hash64({reinterpret_cast<const char*>(&c), sizeof c - sizeof c.sum});
}

}  // namespace

std::vector<Segment::Cursor>& Segment::cursors() {
  if (cursors_) return *cursors_;
  cursors_.emplace();
  // A cursor is a hint: a damaged one is forgotten, and its pool begins at its start again.
  const Dir::Content content =
      dir_ ? dir_->read(files::kCursor, kMostCursors * sizeof(CursorBytes)) : Dir::Content{ENOENT, {}};
  for (std::size_t at = 0; at + sizeof(CursorBytes) <= content.text.size(); at += sizeof(CursorBytes)) {
    CursorBytes c{};
    std::memcpy(&c, content.text.data() + at, sizeof c);
    const bool v4 = c.family == static_cast<std::uint64_t>(net::Family::v4);
    const bool v6 = c.family == static_cast<std::uint64_t>(net::Family::v6);
    if (c.sum != sum_of(c) || (!v4 && !v6)) continue;
    cursors_->push_back(
        {c.pool, {v4 ? net::Family::v4 : net::Family::v6, static_cast<net::U128>(c.high) << 64 | c.low}});
  }
  return *cursors_;
}

int Segment::mark(bool dirty) noexcept {
  const int error = dir_->write_in_place(files::kState, files::state_bytes(name_, dirty), 0, true);
  if (error == 0 || !dirty) return error;
  // Without a state it is as dirty as it can be, and unlinking needs no room.
  return dir_->unlink(files::kState) == 0 ? 0 : error;
}

int Segment::save_block(const net::Ip& base, Block& b) {
  const std::string name = files::block_file(base);
  b.changed = false;
  if (b.zero()) {
    const int error = b.on_disk || anew_ ? dir_->unlink(name) : 0;
    if (error == 0) b.on_disk = false;
    return error;
  }
  const std::string bytes = files::block_bytes(b.bits);
  // What is in its place may be no file of ours. No file aside: a call that was killed left it behind, and nobody reads a dirty segment.
  if (anew_)
    if (const int gone = dir_->unlink(name); gone != 0) return gone;
  const int error = dir_->write_in_place(name, bytes, 0, true);
  if (error == 0) b.on_disk = true;
  return error;
}

void Segment::prepare() {
  if (!dir_) dir_ = root_.make(folder_);
}

void Segment::note_other_mac() {
  fresh_ = false;
  dir_->check(dir_->unlink(files::kDerived), "remove", files::kDerived);
}

namespace {

constexpr std::size_t kMostPlaces = 4096;
constexpr const char* kNoPlaces = "-\n";  // not empty: on a full disk that would make room for half of an ADD

// The subnets, when the addresses have one place in all of them; else "".
std::string places_of(const std::vector<plan::LeasedIp>& ips) {
  std::string out;
  for (const plan::LeasedIp& ip : ips) {
    if (ip.cidr.ip.value - ip.cidr.network().ip.value !=
        ips.front().cidr.ip.value - ips.front().cidr.network().ip.value)
      return "";
    out += ip.cidr.network().str() + "\n";
  }
  return out;
}

}  // namespace

bool Segment::places_follow(const std::vector<plan::LeasedIp>& ips) const {
  const std::string places = places_of(ips);
  if (places.empty() || !macs_follow()) return false;
  if (fresh_) return places_.value_or(places) == places;
  return dir_->read(files::kDerived, kMostPlaces).text == places;
}

void Segment::note_places(const std::vector<plan::LeasedIp>& ips) {
  if (places_follow(ips)) {
    if (fresh_) places_ = places_of(ips);
  } else if (fresh_) {
    places_ = kNoPlaces;
  } else if (const std::string text = dir_->read(files::kDerived, kMostPlaces).text;
             !text.empty() && text != kNoPlaces) {
    dir_->check(dir_->unlink(files::kDerived), "remove",
                files::kDerived);  // killed here, less is known, which harms nobody
    dir_->check(dir_->write_new(files::kDerived, kNoPlaces), "write", files::kDerived);
  }
}

std::optional<std::uint64_t> Segment::claim_mac(const net::Mac& mac, std::uint64_t owner) {
  // Rebuilt, the markers on disk are not yet what they will be.
  for (const Census::HeldMac& held : macs_)
    if (held.mac == mac && held.owner != owner) return held.owner;
  const std::string name = files::mac_file(mac);
  for (bool again = false;; again = true) {
    const int error = files::write_marker(*dir_, name, owner);
    if (error == 0) {
      macs_.push_back({name_, mac, owner});
      return std::nullopt;
    }
    if (error != EEXIST || again) dir_->fail(error, "make this marker", name);
    const auto holder = files::read_marker(*dir_, name);
    if (holder) return *holder == owner ? std::nullopt : holder;
    dir_->check(dir_->unlink(name), "remove what is in the place of this marker", name);
  }
}

void Segment::drop_mac(const net::Mac& mac, std::uint64_t owner) noexcept try {
  if (!dir_) return;
  std::erase_if(macs_, [&](const Census::HeldMac& held) { return held.mac == mac && held.owner == owner; });
  const std::string name = files::mac_file(mac);
  if (files::read_marker(*dir_, name) == owner) (void)::unlinkat(dir_->fd(), name.c_str(), 0);
} catch (const base::Error&) {  // a marker without its record is nobody's
}

void Segment::save() {
  prepare();
  dir_->check(mark(true), "write", files::kState);
  if (anew_) save_anew();
  for (auto& [base, b] : blocks_)
    if (b.changed) dir_->check(save_block(base, b), "write", files::block_file(base));
  if (resting_) dir_->check(resting_->save(*dir_), "write", files::kRestingFile);
  if (moved_) dir_->check(moved_->save(*dir_), "write", files::kMovedFile);
  if (!cursor_moved_) return;
  std::string text;
  if (cursors_->size() > kMostCursors) cursors_->resize(kMostCursors);
  for (const Cursor& cursor : *cursors_) {
    CursorBytes c{cursor.pool, static_cast<std::uint64_t>(cursor.last.value >> 64),
                  static_cast<std::uint64_t>(cursor.last.value), static_cast<std::uint64_t>(cursor.last.family), 0};
    c.sum = sum_of(c);
    text.append(reinterpret_cast<const char*>(&c), sizeof c);
  }
  (void)dir_->write_in_place(files::kCursor, text, 0, true);
  cursor_moved_ = false;
}

void Segment::save_anew() {
  std::set<std::string> keep = {files::kState, files::kRestingFile, files::kMovedFile, files::kDerived};
  if (fresh_) dir_->check(dir_->write_new(files::kDerived, places_.value_or("")), "write", files::kDerived);
  for (auto& [base, b] : blocks_) {
    if (!b.zero()) keep.insert(files::block_file(base));
    dir_->check(save_block(base, b), "write", files::block_file(base));
  }
  dir_->check(resting_->save(*dir_), "write", files::kRestingFile);
  for (const Census::HeldMac& held : macs_) {
    const std::string name = files::mac_file(held.mac);
    keep.insert(name);
    if (files::read_marker(*dir_, name) == held.owner) continue;
    dir_->check(dir_->unlink(name), "remove", name);
    dir_->check(files::write_marker(*dir_, name, held.owner), "make this marker", name);
  }
  save_holders(keep);
  if (dir_->read(files::kCursor, kMostCursors * sizeof(CursorBytes)).error == 0) keep.insert(files::kCursor);
  for (const std::string& name : dir_->names())
    if (!keep.contains(name)) dir_->check(dir_->unlink(name), "remove", name);
  anew_ = false;
}

void Segment::done() noexcept {
  if (dir_ && !doubt_) (void)mark(false);
}

int Segment::free_in_place(const net::Ip& ip) {
  release(ip);
  const net::Ip base{ip.family, ip.value & ~static_cast<net::U128>(4095)};
  return doubt_ ? EINVAL : save_block(base, block(base));
}

int Segment::give_back(const std::vector<Resting>& entries, bool rest) noexcept try {
  if (!dir_ || entries.empty()) return 0;
  const int marked = mark(true);
  if (rest && RestingList::append(*dir_, entries) == 0) return 0;
  int first = 0;
  for (const Resting& r : entries)
    if (const int error = free_in_place(r.ip); error != 0 && first == 0) first = error;
  // What could not be written here is seen by the rebuild that the mark asks for.
  if (first != 0) doubt_ = true;
  return first != 0 ? marked : 0;
} catch (const std::exception&) {
  doubt_ = true;
  return mark(true);
}

}  // namespace trestle::store
