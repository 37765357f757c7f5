#include "store/segment.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "base/hash.h"
#include "base/text.h"
#include "store/segment_files.h"

namespace trestle::store {
namespace {

constexpr net::U128 kPerBlock = 4096;

net::Ip base_of(const net::Ip& ip) { return {ip.family, ip.value & ~(kPerBlock - 1)}; }
unsigned index_of(const net::Ip& ip) { return static_cast<unsigned>(ip.value & (kPerBlock - 1)); }
std::uint64_t bit_of(const net::Ip& ip) { return 1ULL << (index_of(ip) % 64); }

// Bits low..high of a block.
std::uint64_t count_bits(const std::array<std::uint64_t, 64>& bits, unsigned low, unsigned high) {
  std::uint64_t n = 0;
  for (unsigned word = low / 64; word <= high / 64; ++word) {
    std::uint64_t value = bits[word];
    if (word == low / 64) value &= ~0ULL << (low % 64);
    if (word == high / 64) value &= ~0ULL >> (63 - high % 64);
    n += static_cast<std::uint64_t>(std::popcount(value));
  }
  return n;
}

bool rested(const Resting& r, std::uint64_t now) { return r.since > now || now - r.since >= kRest; }

}  // namespace

bool Segment::Block::zero() const {
  return std::all_of(bits.begin(), bits.end(), [](std::uint64_t word) { return word == 0; });
}

Segment::Segment(const Dir& root, std::string name, std::uint64_t now)
    : root_(root), name_(std::move(name)), folder_("segments/" + base::hex(base::hash64(name_), 16)), now_(now) {
  dir_ = root_.find(folder_);
  doubt_ = !dir_ || !files::is_clean(*dir_, name_);
}

void Segment::rebuild(const Census& census) {
  // What a damaged record no longer tells may still be told by the blocks.
  std::map<net::Ip, Block> old;
  if (dir_ && census.damaged)
    for (const std::string& name : dir_->names())
      if (const auto base = files::block_base(name)) files::read_block(*dir_, *base, old[*base].bits);
  std::vector<Resting> keep;
  RestingList list = dir_ ? RestingList(*dir_) : RestingList();
  for (std::size_t i = 0; i < list.size(); ++i)
    if (const auto r = list.at(i); r && !rested(*r, now_)) keep.push_back(*r);

  blocks_ = std::move(old);
  anew_ = true;
  doubt_ = false;
  std::set<net::Ip> held;
  for (const LeaseRef& lease : census.leases)
    if (lease.segment == name_) held.insert(lease.ip);
  for (const net::Ip& ip : held) take(ip);
  std::erase_if(keep, [&](const Resting& r) { return !held.insert(r.ip).second; });
  for (const Resting& r : keep) take(r.ip);
  for (const net::Ip& ip : census.doubtful) take(ip);
  std::stable_sort(keep.begin(), keep.end(), [](const Resting& a, const Resting& b) { return a.since < b.since; });
  resting_.emplace();
  resting_->assign(keep);
  rebuild_moved(held);
  macs_.clear();
  for (const Census::HeldMac& one : census.macs)
    if (one.segment == name_) macs_.push_back(one);
  rebuild_holders(census);
  fresh_ = !dir_ && !census.damaged && held.empty() && macs_.empty() && vms_.empty();
}

Segment::Block& Segment::block(const net::Ip& base) {
  const auto [it, fresh] = blocks_.try_emplace(base);
  Block& found = it->second;
  if (!fresh || anew_ || !dir_) return found;
  switch (files::read_block(*dir_, base, found.bits)) {
    case 0:
      found.on_disk = true;
      break;
    case ENOENT:
      break;
    default:
      doubt_ = true;
  }
  return found;
}

bool Segment::used(const net::Ip& ip) { return (block(base_of(ip)).bits[index_of(ip) / 64] & bit_of(ip)) != 0; }

void Segment::take(const net::Ip& ip) {
  Block& b = block(base_of(ip));
  b.bits[index_of(ip) / 64] |= bit_of(ip);
  b.changed = true;
}

void Segment::release(const net::Ip& ip) {
  Block& b = block(base_of(ip));
  b.bits[index_of(ip) / 64] &= ~bit_of(ip);
  b.changed = true;
}

// Those whose rest is over leave the list here, once: the list is in the order of release.
RestingList& Segment::resting() {
  if (resting_) return *resting_;
  resting_.emplace(dir_ ? RestingList(*dir_) : RestingList());
  RestingList& list = *resting_;
  std::size_t head = list.first();
  for (; list.sound() && head < list.size(); ++head) {
    const auto r = list.at(head);
    if (r && !rested(*r, now_)) break;
    if (r) release(r->ip);
  }
  list.drop_before(head);
  if (!list.sound()) {
    doubt_ = true;
    list = RestingList();
  }
  return list;
}

std::optional<net::Ip> Segment::take_next(const ipam::RangeSet& set) {
  resting();
  const std::uint64_t pool = base::hash64(ipam::text(set));
  auto& all = cursors();
  auto it = std::find_if(all.begin(), all.end(), [&](const Cursor& c) { return c.pool == pool; });
  const std::optional<net::Ip> last = it == all.end() ? std::nullopt : std::optional(it->last);
  const auto ip = ipam::next_free(set, last, [this](const net::Ip& base) -> ipam::Chunk {
    const Block& b = block(base);
    return b.on_disk || b.changed || anew_ ? b.bits.data() : nullptr;
  });
  if (!ip) return std::nullopt;
  if (it == all.end()) it = all.insert(all.begin(), {pool, *ip});
  it->last = *ip;
  cursor_moved_ = true;
  take(*ip);
  return ip;
}

bool Segment::take_resting(const net::Ip& ip) {
  RestingList& list = resting();
  for (std::size_t i = list.first(); i < list.size(); ++i) {
    const auto r = list.at(i);
    if (!list.sound()) doubt_ = true;
    if (!r || r->ip != ip) continue;
    list.drop(i);
    take(ip);
    return true;
  }
  return false;
}

std::optional<net::Ip> Segment::take_resting_of(const net::Mac& mac, const ipam::RangeSet& set) {
  RestingList& list = resting();
  // The latest: that is the one its neighbours still know.
  for (std::size_t i = list.size(); i-- > list.first();) {
    const auto r = list.at(i);
    if (!list.sound()) doubt_ = true;
    if (!r || r->mac != mac || ipam::range_of(set, r->ip) == nullptr) continue;
    list.drop(i);
    take(r->ip);
    return r->ip;
  }
  return std::nullopt;
}

std::optional<net::Ip> Segment::take_oldest_resting(const ipam::RangeSet& set) {
  RestingList& list = resting();
  for (std::size_t i = list.first(); i < list.size(); ++i) {
    const auto r = list.at(i);
    if (!list.sound()) doubt_ = true;
    if (!r || ipam::range_of(set, r->ip) == nullptr) continue;
    list.drop(i);
    take(r->ip);
    return r->ip;
  }
  return std::nullopt;
}

// By the ranges where they span few blocks, else by what is on disk: a /64 has more blocks than anyone can look at.
std::vector<net::Ip> Segment::blocks_of(const ipam::RangeSet& set) {
  constexpr net::U128 kFew = 256;
  std::set<net::Ip> bases;
  bool listed = anew_;
  for (const ipam::Range& range : set) {
    if (range.last.value / kPerBlock - range.first.value / kPerBlock >= kFew)
      listed = true;
    else
      for (net::U128 v = range.first.value / kPerBlock; v <= range.last.value / kPerBlock; ++v)
        bases.insert({range.first.family, v * kPerBlock});
  }
  if (listed) {
    for (const auto& [base, b] : blocks_) bases.insert(base);
    if (!anew_ && dir_)
      for (const std::string& name : dir_->names())
        if (const auto base = files::block_base(name)) bases.insert(*base);
  }
  return {bases.begin(), bases.end()};
}

Segment::Count Segment::count(const ipam::RangeSet& set) {
  RestingList& list = resting();  // before the bits: those that have rested are free
  Count n;
  for (const net::Ip& base : blocks_of(set)) {
    const Block& b = block(base);
    for (const ipam::Range& range : set) {
      const net::Ip last{base.family, base.value + (kPerBlock - 1)};
      if (range.first.family != base.family || range.last < base || last < range.first) continue;
      n.used += count_bits(b.bits, index_of(std::max(range.first, base)), index_of(std::min(range.last, last)));
    }
  }
  for (std::size_t i = list.first(); i < list.size(); ++i) {
    const auto r = list.at(i);
    if (!list.sound()) doubt_ = true;
    if (r && std::any_of(set.begin(), set.end(), [&](const ipam::Range& range) {
          return range.first.family == r->ip.family && range.first <= r->ip && r->ip <= range.last;
        }))
      ++n.resting;
  }
  n.used -= std::min(n.used, n.resting);
  return n;
}

bool Segment::empty() const {
  return macs_.empty() && vms_.empty() &&
         std::all_of(blocks_.begin(), blocks_.end(), [](const auto& entry) { return entry.second.zero(); });
}

}  // namespace trestle::store
