// Addresses that VMs took along to another node: theirs for as long as they may come back.
#include "store/segment.h"

namespace trestle::store {

namespace {

template <class Fits>
std::optional<net::Ip> pull(RestingList& list, bool& doubt, Fits fits) {
  for (std::size_t i = list.first(); i < list.size(); ++i) {
    const auto r = list.at(i);
    if (!list.sound()) doubt = true;
    if (!r || !fits(*r)) continue;
    list.drop(i);
    return r->ip;
  }
  return std::nullopt;
}

}  // namespace

RestingList& Segment::moved() {
  if (moved_) return *moved_;
  moved_.emplace(dir_ ? RestingList(*dir_, files::kMovedFile) : RestingList(files::kMovedFile));
  if (moved_->sound()) return *moved_;
  doubt_ = true;
  moved_.emplace(files::kMovedFile);
  return *moved_;
}

void Segment::rebuild_moved(const std::set<net::Ip>& held) {
  RestingList list = dir_ ? RestingList(*dir_, files::kMovedFile) : RestingList(files::kMovedFile);
  std::vector<Resting> keep;
  for (std::size_t i = list.first(); i < list.size(); ++i)
    if (const auto r = list.at(i); r && !held.contains(r->ip)) keep.push_back(*r);
  for (const Resting& r : keep) take(r.ip);
  moved_.emplace(files::kMovedFile);
  moved_->assign(keep);
}

bool Segment::take_moved(const net::Ip& ip, const std::optional<net::Mac>& mac) {
  const auto found = pull(moved(), doubt_, [&](const Resting& r) { return r.ip == ip && (!mac || r.mac == mac); });
  if (found) take(*found);
  return found.has_value();
}

std::optional<net::Ip> Segment::take_moved_of(const net::Mac& mac, const ipam::RangeSet& set) {
  const auto found =
      pull(moved(), doubt_, [&](const Resting& r) { return r.mac == mac && ipam::range_of(set, r.ip) != nullptr; });
  if (found) take(*found);
  return found;
}

std::size_t Segment::moved_of(const ipam::RangeSet& set) {
  RestingList& list = moved();
  std::size_t n = 0;
  for (std::size_t i = list.first(); i < list.size(); ++i) {
    const auto r = list.at(i);
    if (!list.sound()) doubt_ = true;
    if (r && ipam::range_of(set, r->ip) != nullptr) ++n;
  }
  return n;
}

int Segment::let_move(const std::vector<Resting>& entries) noexcept try {
  if (!dir_ || entries.empty()) return 0;
  const int marked = mark(true);
  if (RestingList::append(*dir_, entries, files::kMovedFile) == 0) return 0;
  return marked != 0 ? marked : give_back(entries, true);
} catch (const std::exception&) {
  doubt_ = true;
  return mark(true);
}

}  // namespace trestle::store
