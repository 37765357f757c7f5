#include "store/resting.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/hash.h"

namespace trestle::store {
namespace {

constexpr std::size_t kMostBytes = 1U << 28;
constexpr std::size_t kWorthMoving = 64;  // entries

struct Packed {
  std::uint64_t since, high, low;
  std::uint8_t family, has_mac, mac[6];
  std::uint64_t sum;
};
static_assert(sizeof(Packed) == 40);

struct Header {
  std::uint64_t head, sum;
};
static_assert(sizeof(Header) == 16);

template <class T>
std::string_view summed(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value - sizeof value.sum};
}
template <class T>
std::string bytes(T value) {
  value.sum = base::hash64(summed(value));
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string pack(const Resting& r) {
  Packed p{r.since,
           static_cast<std::uint64_t>(r.ip.value >> 64),
           static_cast<std::uint64_t>(r.ip.value),
           static_cast<std::uint8_t>(r.ip.family),
           r.mac.has_value(),
           {},
           0};
  if (r.mac) std::copy(r.mac->bytes.begin(), r.mac->bytes.end(), p.mac);
  return bytes(p);
}

std::string pack_all(const std::vector<Resting>& entries) {
  std::string text;
  for (const Resting& r : entries) text += pack(r);
  return text;
}

}  // namespace

RestingList::RestingList(const Dir& segment, const char* file) : file_(file) {
  Dir::Content content = segment.read(file, kMostBytes);
  if (content.error == ENOENT || (content.error == 0 && content.text.empty())) return;
  Header header{};
  sound_ = content.error == 0 && content.text.size() >= kHeader;
  if (!sound_) return;
  std::memcpy(&header, content.text.data(), sizeof header);
  entries_ = content.text.substr(kHeader);
  sound_ = entries_.size() % kEntry == 0 && header.sum == base::hash64(summed(header)) && header.head <= size();
  if (sound_) head_ = saved_head_ = header.head;
}

std::optional<Resting> RestingList::at(std::size_t index) {
  Packed p{};
  std::memcpy(&p, entries_.data() + index * kEntry, sizeof p);
  const bool known = p.family == 0 || p.family == static_cast<std::uint8_t>(net::Family::v4) ||
                     p.family == static_cast<std::uint8_t>(net::Family::v6);
  if (!known || p.sum != base::hash64(summed(p))) {
    sound_ = false;
    return std::nullopt;
  }
  if (p.family == 0) return std::nullopt;
  Resting r{p.since, {static_cast<net::Family>(p.family), static_cast<net::U128>(p.high) << 64 | p.low}, std::nullopt};
  if (p.has_mac != 0) {
    r.mac.emplace();
    std::copy(std::begin(p.mac), std::end(p.mac), r.mac->bytes.begin());
  }
  return r;
}

void RestingList::drop(std::size_t index) {
  const std::string gone = bytes(Packed{});
  entries_.replace(index * kEntry, kEntry, gone);
  dropped_.push_back(index);
}

void RestingList::assign(const std::vector<Resting>& entries) {
  entries_ = pack_all(entries);
  head_ = saved_head_ = 0;
  dropped_.clear();
  sound_ = anew_ = true;
}

int RestingList::save(const Dir& segment) {
  if (anew_) {
    anew_ = false;
    return entries_.empty() ? segment.unlink(file_) : segment.replace(file_, bytes(Header{0, 0}) + entries_);
  }
  if (head_ == saved_head_ && dropped_.empty()) return 0;
  if (head_ == size()) return segment.truncate(file_, 0);
  if (head_ >= kWorthMoving && head_ * 2 > size()) {
    const std::string left = bytes(Header{0, 0}) + entries_.substr(head_ * kEntry);
    if (const int error = segment.write_in_place(file_, left, 0, false); error != 0) return error;
    return segment.truncate(file_, left.size());
  }
  for (const std::size_t index : dropped_) {
    const std::string_view entry = std::string_view(entries_).substr(index * kEntry, kEntry);
    if (const int error = segment.write_in_place(file_, entry, kHeader + index * kEntry, false); error != 0)
      return error;
  }
  return head_ == saved_head_ ? 0 : segment.write_in_place(file_, bytes(Header{head_, 0}), 0, false);
}

int RestingList::append(const Dir& segment, const std::vector<Resting>& entries, const char* file) {
  const std::uint64_t size = segment.size(file).value_or(0);
  if (size != 0 && (size < kHeader || (size - kHeader) % kEntry != 0)) return EINVAL;
  const std::string text = (size == 0 ? bytes(Header{0, 0}) : std::string()) + pack_all(entries);
  const int error = segment.write_in_place(file, text, size, true);
  if (error != 0) (void)segment.truncate(file, size);
  return error;
}

}  // namespace trestle::store
