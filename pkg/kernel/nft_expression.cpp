#include "kernel/nft_expression.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include <string>

namespace trestle::kernel {
namespace {

// One element of NFTA_RULE_EXPRESSIONS, closed with its scope.
class Expression {
 public:
  Expression(Batch& out, std::string_view name) : out_(out), element_(out.open_nest(NFTA_LIST_ELEM)) {
    out.put_text(NFTA_EXPR_NAME, name);
    data_ = out.open_nest(NFTA_EXPR_DATA);
  }
  ~Expression() {
    out_.close_nest(data_);
    out_.close_nest(element_);
  }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;
  void number(std::uint16_t type, std::uint32_t value) { put_be32(out_, type, value); }
  // Where four of them begin the kernel and nft speak of one long register.
  void reg(std::uint16_t type, unsigned reg) {
    put_be32(out_, type, reg % 4 == 0 ? NFT_REG_1 + reg / 4 : NFT_REG32_00 + reg);
  }
  void bytes(std::uint16_t type, std::string_view value) {
    const std::size_t nest = out_.open_nest(type);
    out_.put(NFTA_DATA_VALUE, value);
    out_.close_nest(nest);
  }

 private:
  Batch& out_;
  std::size_t element_, data_ = 0;
};

void immediate(Batch& out, unsigned reg, std::string_view value) {
  Expression e(out, "immediate");
  e.reg(NFTA_IMMEDIATE_DREG, reg);
  e.bytes(NFTA_IMMEDIATE_DATA, value);
}

void immediate_port(Batch& out, unsigned reg, std::uint16_t port) {
  const std::uint16_t big = htons(port);
  immediate(out, reg, {reinterpret_cast<const char*>(&big), sizeof big});
}

}  // namespace

void put_be32(Batch& out, std::uint16_t type, std::uint32_t value) { out.put_u32(type, htonl(value)); }

void nft_load(Batch& out, const NftLoad& load, std::uint32_t length, unsigned reg) {
  switch (load.from) {
    case NftLoad::meta: {
      Expression e(out, "meta");
      e.number(NFTA_META_KEY, load.a);
      e.reg(NFTA_META_DREG, reg);
      return;
    }
    case NftLoad::payload: {
      Expression e(out, "payload");
      e.reg(NFTA_PAYLOAD_DREG, reg);
      e.number(NFTA_PAYLOAD_BASE, load.a);
      e.number(NFTA_PAYLOAD_OFFSET, load.b);
      e.number(NFTA_PAYLOAD_LEN, length);
      return;
    }
    case NftLoad::ct: {
      Expression e(out, "ct");
      e.number(NFTA_CT_KEY, load.a);
      e.reg(NFTA_CT_DREG, reg);
      return;
    }
    case NftLoad::exthdr: {
      Expression e(out, "exthdr");
      e.reg(NFTA_EXTHDR_DREG, reg);
      out.put_u8(NFTA_EXTHDR_TYPE, static_cast<std::uint8_t>(load.a));
      e.number(NFTA_EXTHDR_OFFSET, 0);
      e.number(NFTA_EXTHDR_LEN, 1);
      e.number(NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
      e.number(NFTA_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
      return;
    }
    case NftLoad::fib: {
      Expression e(out, "fib");
      e.reg(NFTA_FIB_DREG, reg);
      e.number(NFTA_FIB_RESULT, load.a);
      e.number(NFTA_FIB_FLAGS, load.b);
      return;
    }
  }
}

void nft_compare(Batch& out, unsigned reg, std::string_view bytes, bool equal) {
  Expression e(out, "cmp");
  e.reg(NFTA_CMP_SREG, reg);
  e.number(NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
  e.bytes(NFTA_CMP_DATA, bytes);
}

void nft_mask(Batch& out, unsigned reg, std::string_view mask) {
  Expression e(out, "bitwise");
  e.reg(NFTA_BITWISE_SREG, reg);
  e.reg(NFTA_BITWISE_DREG, reg);
  e.number(NFTA_BITWISE_OP, NFT_BITWISE_BOOL);
  e.number(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()));
  e.bytes(NFTA_BITWISE_MASK, mask);
  e.bytes(NFTA_BITWISE_XOR, std::string(mask.size(), '\0'));
}

void nft_lookup(Batch& out, unsigned reg, std::string_view set, bool inverted) {
  Expression e(out, "lookup");
  e.reg(NFTA_LOOKUP_SREG, reg);
  out.put_text(NFTA_LOOKUP_SET, set);
  if (inverted) e.number(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void nft_lookup_verdict(Batch& out, unsigned reg, std::string_view map) {
  Expression e(out, "lookup");
  e.reg(NFTA_LOOKUP_SREG, reg);
  e.number(NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
  out.put_text(NFTA_LOOKUP_SET, map);
}

void nft_lookup_data(Batch& out, unsigned reg, std::string_view map) {
  Expression e(out, "lookup");
  e.reg(NFTA_LOOKUP_SREG, reg);
  e.reg(NFTA_LOOKUP_DREG, reg);
  out.put_text(NFTA_LOOKUP_SET, map);
}

void nft_dnat(Batch& out, std::uint32_t family, unsigned address, unsigned port) {
  Expression e(out, "nat");
  e.number(NFTA_NAT_TYPE, NFT_NAT_DNAT);
  e.number(NFTA_NAT_FAMILY, family);
  e.reg(NFTA_NAT_REG_ADDR_MIN, address);
  e.reg(NFTA_NAT_REG_PROTO_MIN, port);
}

void put_verdict(Batch& out, std::int32_t code, std::string_view chain) {
  const std::size_t nest = out.open_nest(NFTA_DATA_VERDICT);
  put_be32(out, NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
  if (!chain.empty()) out.put_text(NFTA_VERDICT_CHAIN, chain);
  out.close_nest(nest);
}

void nft_verdict(Batch& out, std::int32_t code, std::string_view chain) {
  Expression e(out, "immediate");
  e.number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  const std::size_t nest = out.open_nest(NFTA_IMMEDIATE_DATA);
  put_verdict(out, code, chain);
  out.close_nest(nest);
}

void nft_write(Batch& out, const NftLoad& to, std::string_view value, NftChecksum checksum) {
  constexpr std::uint32_t kIcmpv6Checksum = 2;  // its offset
  immediate(out, 0, value);
  Expression e(out, "payload");
  e.reg(NFTA_PAYLOAD_SREG, 0);
  e.number(NFTA_PAYLOAD_BASE, to.a);
  e.number(NFTA_PAYLOAD_OFFSET, to.b);
  e.number(NFTA_PAYLOAD_LEN, static_cast<std::uint32_t>(value.size()));
  const bool covered = checksum == NftChecksum::icmpv6;
  e.number(NFTA_PAYLOAD_CSUM_TYPE, covered ? NFT_PAYLOAD_CSUM_INET : NFT_PAYLOAD_CSUM_NONE);
  e.number(NFTA_PAYLOAD_CSUM_OFFSET, covered ? kIcmpv6Checksum : 0);
  if (checksum == NftChecksum::pseudo_header) e.number(NFTA_PAYLOAD_CSUM_FLAGS, NFT_PAYLOAD_L4CSUM_PSEUDOHDR);
}

void nft_take_for_host(Batch& out) {
  immediate(out, 0, std::string(1, static_cast<char>(PACKET_HOST)));
  Expression e(out, "meta");
  e.number(NFTA_META_KEY, NFT_META_PKTTYPE);
  e.reg(NFTA_META_SREG, 0);
}

void nft_reject(Batch& out, std::uint32_t type, std::uint8_t code) {
  Expression e(out, "reject");
  e.number(NFTA_REJECT_TYPE, type);
  out.put_u8(NFTA_REJECT_ICMP_CODE, code);
}

void nft_set_priority(Batch& out, std::string_view bytes) {
  {
    Expression e(out, "immediate");
    e.reg(NFTA_IMMEDIATE_DREG, 0);
    e.bytes(NFTA_IMMEDIATE_DATA, bytes);
  }
  Expression e(out, "meta");
  e.number(NFTA_META_KEY, NFT_META_PRIORITY);
  e.reg(NFTA_META_SREG, 0);
}

void nft_masquerade(Batch& out) { Expression e(out, "masq"); }

void nft_masquerade(Batch& out, std::uint16_t lowest_port, std::uint16_t highest_port) {
  immediate_port(out, 0, lowest_port);
  immediate_port(out, 4, highest_port);
  Expression e(out, "masq");
  e.number(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
  e.reg(NFTA_MASQ_REG_PROTO_MIN, 0);
  e.reg(NFTA_MASQ_REG_PROTO_MAX, 4);
}

}  // namespace trestle::kernel
