#include "store/segment_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/hash.h"
#include "base/text.h"
#include "store/census.h"

namespace trestle::store::files {
namespace {

constexpr char kMagic[8] = {'t', 'r', 's', 'e', 'g', 0, 0, 1};  // the last is the version

struct State {
  char magic[8];
  char name[64];  // for people and for tidying up; cut when longer
  std::uint64_t dirty;
  std::uint64_t sum;
};
static_assert(sizeof(State) == 88);

struct BlockBytes {
  std::uint64_t bits[64];
  std::uint64_t sum;
};
static_assert(sizeof(BlockBytes) == 520);

template <class T>
std::uint64_t sum_of(const T& value) {
  return base::hash64({reinterpret_cast<const char*>(&value), sizeof value - sizeof value.sum});
}

std::optional<State> read_state(const Dir& segment) {
  const Dir::Content content = segment.read(kState, sizeof(State));
  if (content.error != 0 || content.text.size() != sizeof(State)) return std::nullopt;
  State state{};
  std::memcpy(&state, content.text.data(), sizeof state);
  if (std::memcmp(state.magic, kMagic, sizeof kMagic) != 0 || state.sum != sum_of(state)) return std::nullopt;
  return state;
}

std::string cut(const std::string& name) { return name.substr(0, sizeof(State::name) - 1); }

}  // namespace

bool is_clean(const Dir& segment, const std::string& name) {
  const auto state = read_state(segment);
  return state && state->dirty == 0 && cut(name) == state->name;
}

std::string state_bytes(const std::string& name, bool dirty) {
  State state{};
  std::memcpy(state.magic, kMagic, sizeof kMagic);
  const std::string text = cut(name);
  std::copy(text.begin(), text.end(), state.name);
  state.dirty = dirty;
  state.sum = sum_of(state);
  return {reinterpret_cast<const char*>(&state), sizeof state};
}

std::optional<std::string> state_name(const Dir& segment) {
  const auto state = read_state(segment);
  if (!state || state->name[sizeof(State::name) - 1] != '\0') return std::nullopt;
  return std::string(state->name);
}

std::string block_file(const net::Ip& base) {
  if (base.family == net::Family::v4) return "4-" + base::hex(static_cast<std::uint64_t>(base.value), 8);
  return "6-" + base::hex(static_cast<std::uint64_t>(base.value >> 64), 16) +
         base::hex(static_cast<std::uint64_t>(base.value), 16);
}

std::optional<net::Ip> block_base(std::string_view file) {
  net::Ip base;
  if (file.starts_with("4-") && file.size() == 10) {
    const auto value = parse_hash("00000000" + std::string(file.substr(2)));
    if (!value) return std::nullopt;
    base = {net::Family::v4, *value};
  } else if (file.starts_with("6-") && file.size() == 34) {
    const auto high = parse_hash(file.substr(2, 16));
    const auto low = parse_hash(file.substr(18));
    if (!high || !low) return std::nullopt;
    base = {net::Family::v6, static_cast<net::U128>(*high) << 64 | *low};
  } else {
    return std::nullopt;
  }
  if (base.value % 4096 != 0) return std::nullopt;
  return base;
}

std::string mac_file(const net::Mac& mac) {
  std::string name = "m-";
  for (const std::uint8_t byte : mac.bytes) name += base::hex(byte, 2);
  return name;
}

// nullopt: absent, or something else in its place. Throws Error{store}.
std::optional<std::uint64_t> read_marker(const Dir& dir, const std::string& name) {
  char target[32];
  const ssize_t n = ::readlinkat(dir.fd(), name.c_str(), target, sizeof target);
  if (n < 0 && errno != ENOENT && errno != EINVAL) dir.fail(errno, "read this marker", name);
  return n < 0 ? std::nullopt : parse_hash({target, static_cast<std::size_t>(n)});
}

int write_marker(const Dir& dir, const std::string& name, std::uint64_t owner) {
  return ::symlinkat(base::hex(owner, 16).c_str(), dir.fd(), name.c_str()) == 0 ? 0 : errno;
}

int read_block(const Dir& segment, const net::Ip& base, std::array<std::uint64_t, 64>& bits) {
  const Dir::Content content = segment.read(block_file(base), sizeof(BlockBytes));
  if (content.error != 0) return content.error;
  BlockBytes block{};
  if (content.text.size() != sizeof block) return EINVAL;
  std::memcpy(&block, content.text.data(), sizeof block);
  if (block.sum != sum_of(block)) return EINVAL;
  std::copy(std::begin(block.bits), std::end(block.bits), bits.begin());
  return 0;
}

std::string block_bytes(const std::array<std::uint64_t, 64>& bits) {
  BlockBytes block{};
  std::copy(bits.begin(), bits.end(), block.bits);
  block.sum = sum_of(block);
  return {reinterpret_cast<const char*>(&block), sizeof block};
}

}  // namespace trestle::store::files
