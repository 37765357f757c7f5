#pragma once
// The expressions of nf_tables, one function each, written as attributes into the rule that a Batch is at. Registers
// are counted in units of 4 bytes from 0. Pure. Source: linux/netfilter/nf_tables.h.
#include <cstdint>
#include <string_view>

#include "kernel/netlink.h"

namespace trestle::kernel {

// The number of nf_tables' attributes and headers is big-endian throughout.
void put_be32(Batch& out, std::uint16_t type, std::uint32_t value);

// Where a field of a packet comes from: `a` and `b` are what the source needs.
struct NftLoad {
  enum From : std::uint8_t { meta, payload, ct, exthdr, fib } from;
  std::uint32_t
      a;  // NFT_META_*, NFT_PAYLOAD_* (the header), NFT_CT_*, the IPv6 header's number, whose presence is loaded, NFT_FIB_RESULT_*
  std::uint32_t b;  // the offset in a payload's header; NFTA_FIB_F_*
};
void nft_load(Batch& out, const NftLoad& load, std::uint32_t length, unsigned reg);
// Goes on with the rule when the register (not) equals `bytes`.
void nft_compare(Batch& out, unsigned reg, std::string_view bytes, bool equal);
void nft_mask(Batch& out, unsigned reg, std::string_view mask);
// Goes on with the rule when the key in the registers is (not) in the set.
void nft_lookup(Batch& out, unsigned reg, std::string_view set, bool inverted);
// Takes the verdict that the map has for the key.
void nft_lookup_verdict(Batch& out, unsigned reg, std::string_view map);
// Loads what the map has for the key into the registers from `reg` on; a packet without leaves the rule.
void nft_lookup_data(Batch& out, unsigned reg, std::string_view map);
// The new destination stands in the registers: the address from `address` on, the port in `port`. `family`: NFPROTO_*.
void nft_dnat(Batch& out, std::uint32_t family, unsigned address, unsigned port);
// `code`: NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP or NFT_GOTO; `chain` is empty but for the last two.
void nft_verdict(Batch& out, std::int32_t code, std::string_view chain);
// Writes `value` over a field of the packet. `to.from` is payload; a checksum that covers the field is kept right.
enum class NftChecksum : std::uint8_t { none, pseudo_header, icmpv6 };
void nft_write(Batch& out, const NftLoad& to, std::string_view value, NftChecksum checksum);
// The frame becomes one that is for this host, whomever the link took it for.
void nft_take_for_host(Batch& out);
void nft_reject(Batch& out, std::uint32_t type, std::uint8_t code);
void nft_set_priority(Batch& out, std::string_view bytes);
void nft_masquerade(Batch& out);
void nft_masquerade(Batch& out, std::uint16_t lowest_port, std::uint16_t highest_port);
// NFTA_DATA_VERDICT, as rules and the elements of verdict maps carry it.
void put_verdict(Batch& out, std::int32_t code, std::string_view chain);

}  // namespace trestle::kernel
