#pragma once
// The data types of nft's language: what a set's key is made of and what a value in a rule means. Pure.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace trestle::kernel {

// A word that stands for a number: `arp` for 0x0806.
struct NftSymbol {
  std::string_view word;
  std::uint32_t value;
};

enum class NftForm : std::uint8_t {
  name,
  mac,
  ip4,
  ip6,
  number,
  host_number,
  bits
};  // number: big-endian; host_number: in the host's order; bits: a mask in the host's order

// The row order of kTypes, so that tables of fields can name a type.
enum class NftType : std::uint8_t {
  ifname,
  ether_addr,
  ipv4_addr,
  ipv6_addr,
  inet_proto,
  inet_service,
  nfproto,
  ether_type,
  arp_op,
  icmpv6_type,
  ct_state,
  ct_status,
  fib_addrtype,
  boolean,
  vni,
  priority
};

struct NftTypeInfo {
  NftType type;
  std::string_view name;  // nft's
  std::uint32_t id;       // nft's number for it, which `nft list` reads back out of the set
  std::uint32_t size;     // bytes
  NftForm form;
  bool in_sets;  // may stand in a set's declaration
  std::span<const NftSymbol> symbols;
};

const NftTypeInfo& nft_type(NftType type);
// nullptr when no set may have such a type.
const NftTypeInfo* find_set_type(std::string_view name);
const NftTypeInfo* find_set_type(std::uint32_t id);

// nft's number of a concatenation puts the parts' numbers side by side, 6 bits each, the first one highest.
constexpr unsigned kNftConcatBits = 6;
// Bytes a part takes inside a concatenation: registers have 4.
constexpr std::size_t nft_padded(std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; }

// A constant as the kernel compares it. `prefix`: how many bits count (all, unless "address/length" was written).
struct NftValue {
  std::string bytes;
  unsigned prefix = 0;
};
// `word` as a value of `type`; "a,b" joins bits. Throws Error{bug} naming the word and the type.
NftValue nft_value(const NftTypeInfo& type, std::string_view word);

}  // namespace trestle::kernel
