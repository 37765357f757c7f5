#include "kernel/nft_rule.h"

#include <netinet/in.h>  // before the kernel's headers: they then leave the addresses to libc

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "kernel/nft_expression.h"
#include "kernel/nft_types.h"

namespace trestle::kernel {
namespace {

enum class Layer : std::uint8_t { none, network, transport };

struct Field {
  std::string_view words;
  NftLoad load;
  NftType type;
  std::string_view network = {}, transport = {};  // the protocols it presupposes, as kProtocols names them
  Layer tells = Layer::none;                      // a comparison with it establishes the protocol of this layer
};

constexpr NftLoad meta(std::uint32_t key) { return {NftLoad::meta, key, 0}; }
constexpr NftLoad link(std::uint32_t offset) { return {NftLoad::payload, NFT_PAYLOAD_LL_HEADER, offset}; }
constexpr NftLoad network(std::uint32_t offset) { return {NftLoad::payload, NFT_PAYLOAD_NETWORK_HEADER, offset}; }
constexpr NftLoad transport(std::uint32_t offset) { return {NftLoad::payload, NFT_PAYLOAD_TRANSPORT_HEADER, offset}; }

constexpr Field kFields[] = {
    {"iifname", meta(NFT_META_IIFNAME), NftType::ifname},
    {"oifname", meta(NFT_META_OIFNAME), NftType::ifname},
    {"meta nfproto", meta(NFT_META_NFPROTO), NftType::nfproto, {}, {}, Layer::network},
    {"meta protocol", meta(NFT_META_PROTOCOL), NftType::ether_type, {}, {}, Layer::network},
    {"meta l4proto", meta(NFT_META_L4PROTO), NftType::inet_proto, {}, {}, Layer::transport},
    {"meta priority", meta(NFT_META_PRIORITY), NftType::priority},  // of the packet in the queues
    {"ct state", {NftLoad::ct, NFT_CT_STATE, 0}, NftType::ct_state},
    {"ct status", {NftLoad::ct, NFT_CT_STATUS, 0}, NftType::ct_status},
    {"ether daddr", link(0), NftType::ether_addr, "frame"},
    {"ether saddr", link(6), NftType::ether_addr, "frame"},
    {"ether type", link(12), NftType::ether_type, "frame", {}, Layer::network},
    {"arp operation", network(6), NftType::arp_op, "arp"},
    {"arp saddr ether", network(8), NftType::ether_addr, "arp"},
    {"arp saddr ip", network(14), NftType::ipv4_addr, "arp"},
    {"arp daddr ether", network(18), NftType::ether_addr, "arp"},
    {"arp daddr ip", network(24), NftType::ipv4_addr, "arp"},
    {"ip saddr", network(12), NftType::ipv4_addr, "ip"},
    {"ip daddr", network(16), NftType::ipv4_addr, "ip"},
    {"ip6 saddr", network(8), NftType::ipv6_addr, "ip6"},
    {"ip6 daddr", network(24), NftType::ipv6_addr, "ip6"},
    {"exthdr frag", {NftLoad::exthdr, IPPROTO_FRAGMENT, 0}, NftType::boolean, "ip6"},
    {"icmpv6 type", transport(0), NftType::icmpv6_type, "ip6", "icmpv6"},
    // nft 1.0.6 has no word for the address in NS and NA and lists it as @th,64,128. Without presuppositions, as raw
    // payload is: its rules stand in a chain that only NS and NA reach.
    {"nd target", transport(8), NftType::ipv6_addr},
    // The address in the option that our own NS and NA begin with: @th,208,48. To be written, behind its type.
    {"nd lladdr", transport(26), NftType::ether_addr},
    {"tcp sport", transport(0), NftType::inet_service, {}, "tcp"},
    {"tcp dport", transport(2), NftType::inet_service, {}, "tcp"},
    {"udp sport", transport(0), NftType::inet_service, {}, "udp"},
    {"udp dport", transport(2), NftType::inet_service, {}, "udp"},
    {"sctp sport", transport(0), NftType::inet_service, {}, "sctp"},
    {"sctp dport", transport(2), NftType::inet_service, {}, "sctp"},
    // The network identifier behind the UDP header of a VXLAN packet; nft lists it as @th,96,24.
    {"vxlan vni", transport(12), NftType::vni, {}, "udp"},
    // Behind the UDP header's eight bytes: @th,288,48. Without presuppositions, as "nd target".
    {"dhcp chaddr", transport(36), NftType::ether_addr},
    {"th dport", transport(2), NftType::inet_service},  // beside meta l4proto in a key: of whichever protocol it is
    {"fib daddr type", {NftLoad::fib, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR}, NftType::fib_addrtype},
};

// How a family asks for a protocol; an empty phrase: it cannot, and the fields of that protocol are refused there.
// "frame" is the Ethernet header, which every packet in the bridge family has; in inet a rule that asks for it does not hold without one.
struct Protocol {
  std::string_view name, in_inet, in_bridge;
};
constexpr Protocol kProtocols[] = {
    {"frame", "always", "always"},
    {"arp", "", "ether type arp"},
    {"ip", "meta nfproto ipv4", "meta protocol ip"},
    {"ip6", "meta nfproto ipv6", "meta protocol ip6"},
    {"tcp", "meta l4proto tcp", "meta l4proto tcp"},
    {"udp", "meta l4proto udp", "meta l4proto udp"},
    {"sctp", "meta l4proto sctp", "meta l4proto sctp"},
    {"icmpv6", "meta l4proto icmpv6", "meta l4proto icmpv6"},
};

struct Verdict {
  std::string_view word;
  std::int32_t code;
  bool takes_chain;
};
constexpr Verdict kVerdicts[] = {
    {"accept", NF_ACCEPT, false}, {"drop", NF_DROP, false}, {"return", NFT_RETURN, false},
    {"jump", NFT_JUMP, true},     {"goto", NFT_GOTO, true},
};

[[noreturn]] void unknown(std::string_view what, std::string_view text) {
  throw base::Error(base::Code::bug, std::string(what) + " '" + base::printable(text) + "'");
}

class Compiler {
 public:
  Compiler(Batch& out, plan::Table table, std::string_view rule) : out_(out), table_(table), rest_(rule) {}

  void run() {
    while (const Field* field = take_field())
      if (take("set"))
        write(*field);
      else
        match(*field);
    if (!rest_.empty()) action();
    if (!rest_.empty()) unknown("unknown phrase", rest_);
  }

 private:
  // Takes `words` from the front, when they stand there whole.
  bool take(std::string_view words) {
    if (!rest_.starts_with(words)) return false;
    if (rest_.size() > words.size() && rest_[words.size()] != ' ') return false;
    rest_.remove_prefix(std::min(words.size() + 1, rest_.size()));
    return true;
  }
  std::string_view word() {
    const std::string_view first = rest_.substr(0, rest_.find(' '));
    if (first.empty()) unknown("a word is missing at the end of", rule_);
    rest_.remove_prefix(std::min(first.size() + 1, rest_.size()));
    return first;
  }
  const Field* take_field() {
    for (const Field& field : kFields)
      if (take(field.words)) return &field;
    return nullptr;
  }

  std::vector<const Field*> key_from(const Field& first) {
    std::vector<const Field*> key{&first};
    while (take(".")) {
      const Field* next = take_field();
      if (!next) unknown("unknown field", rest_);
      key.push_back(next);
    }
    return key;
  }

  void match(const Field& first) {
    const std::vector<const Field*> key = key_from(first);
    if (take("vmap")) {
      load(key);
      return nft_lookup_verdict(out_, 0, set_name(word()));
    }
    const bool inverted = take("!=");
    const std::string_view value = word();
    if (value.starts_with('@')) {
      load(key);
      return nft_lookup(out_, 0, set_name(value), inverted);
    }
    if (key.size() > 1) unknown("a concatenation is compared with a @SET, not with", value);
    compare(first, value, inverted);
  }

  void write(const Field& field) {
    if (field.type == NftType::priority) return nft_set_priority(out_, nft_value(nft_type(field.type), word()).bytes);
    if (field.load.from != NftLoad::payload) unknown("cannot be written:", field.words);
    presuppose(field);
    const NftValue value = nft_value(nft_type(field.type), word());
    const bool behind = field.load.a == NFT_PAYLOAD_TRANSPORT_HEADER;
    if (field.network == "ip" || (behind && field.words != "nd lladdr")) unknown("cannot be written:", field.words);
    nft_write(out_, field.load, value.bytes,
              behind                   ? NftChecksum::icmpv6
              : field.network == "ip6" ? NftChecksum::pseudo_header
                                       : NftChecksum::none);
  }

  static std::string_view set_name(std::string_view word) {
    if (word.size() < 2 || word.front() != '@') unknown("not a @SET", word);
    return word.substr(1);
  }

  void load(const std::vector<const Field*>& key) {
    for (const Field* field : key) presuppose(*field);
    unsigned reg = 0;
    for (const Field* field : key) {
      const std::uint32_t size = nft_type(field->type).size;
      nft_load(out_, field->load, size, reg);
      reg += static_cast<unsigned>(nft_padded(size) / 4);
    }
    if (reg > kRegisters) unknown("too long a key before", rest_);
  }

  void compare(const Field& field, std::string_view word, bool inverted) {
    presuppose(field);
    const NftTypeInfo& type = nft_type(field.type);
    const NftValue value = nft_value(type, word);
    if (type.form == NftForm::bits) {
      if (inverted) unknown("bits cannot be compared with !=:", word);
      nft_load(out_, field.load, type.size, 0);
      nft_mask(out_, 0, value.bytes);
      nft_compare(out_, 0, std::string(type.size, '\0'), false);  // any of the bits: not equal to none
    } else if (value.prefix == 0) {
      unknown("a prefix of no bits matches everything:", word);
    } else if (value.prefix % 8 == 0) {
      const std::uint32_t bytes = value.prefix / 8;
      nft_load(out_, field.load, bytes, 0);
      nft_compare(out_, 0, std::string_view(value.bytes).substr(0, bytes), !inverted);
    } else {
      std::string mask(type.size, '\0');
      for (unsigned bit = 0; bit < value.prefix; ++bit)
        mask[bit / 8] = static_cast<char>(mask[bit / 8] | (0x80 >> (bit % 8)));
      nft_load(out_, field.load, type.size, 0);
      nft_mask(out_, 0, mask);
      nft_compare(out_, 0, value.bytes, !inverted);
    }
    if (!inverted) learn(field.tells, word);
  }

  void learn(Layer layer, std::string_view word) {
    if (layer == Layer::network) network_ = word == "ipv4" ? "ip" : word == "ipv6" ? "ip6" : word;
    if (layer == Layer::transport) transport_ = word;
  }

  void presuppose(const Field& field) {
    if (field.network != network_) presuppose(field.network, network_);
    if (field.transport != transport_) presuppose(field.transport, transport_);
  }
  void presuppose(std::string_view protocol, std::string_view known) {
    if (protocol.empty()) return;
    const auto* row = std::ranges::find(kProtocols, protocol, &Protocol::name);
    const std::string_view phrase = table_ == plan::Table::inet ? row->in_inet : row->in_bridge;
    if (phrase.empty()) unknown("not known in this family:", protocol);
    if (phrase == "always") return;
    if (!known.empty()) unknown("contradicts what the rule says before:", protocol);
    for (const Field& field : kFields)
      if (phrase.starts_with(field.words)) return compare(field, phrase.substr(field.words.size() + 1), false);
  }

  void action() {
    for (const Verdict& verdict : kVerdicts)
      if (take(verdict.word)) return nft_verdict(out_, verdict.code, verdict.takes_chain ? word() : std::string_view());
    if (take("reject with tcp reset")) {
      if (transport_ != "tcp") presuppose("tcp", transport_);
      nft_reject(out_, NFT_REJECT_TCP_RST, 0);
    } else if (take("reject with icmpx admin-prohibited")) {
      nft_reject(out_, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
    } else if (take("meta pkttype set host")) {
      nft_take_for_host(out_);
    } else if (take("dnat ip to")) {
      dnat(NFPROTO_IPV4, nft_type(NftType::ipv4_addr).size);
    } else if (take("dnat ip6 to")) {
      dnat(NFPROTO_IPV6, nft_type(NftType::ipv6_addr).size);
    } else if (take("masquerade to")) {
      masquerade(word());
    } else if (take("masquerade")) {
      nft_masquerade(out_);
    }
  }

  void dnat(std::uint32_t family, std::uint32_t address_size) {
    const Field* first = take_field();
    if (!first) unknown("unknown field", rest_);
    const std::vector<const Field*> key = key_from(*first);
    if (!take("map")) unknown("not map @MAP", rest_);
    load(key);
    nft_lookup_data(out_, 0, set_name(word()));
    nft_dnat(out_, family, 0, address_size / 4);
  }

  void masquerade(std::string_view ports) {
    const std::size_t dash = ports.find('-');
    if (!ports.starts_with(':') || dash == std::string_view::npos) unknown("not :LOW-HIGH", ports);
    const auto low = base::parse_number(ports.substr(1, dash - 1), 65535);
    const auto high = base::parse_number(ports.substr(dash + 1), 65535);
    if (!low || !high || *low > *high) unknown("not :LOW-HIGH", ports);
    if (transport_.empty()) unknown("a port range needs meta l4proto before it:", rule_);
    nft_masquerade(out_, static_cast<std::uint16_t>(*low), static_cast<std::uint16_t>(*high));
  }
  static constexpr unsigned kRegisters = 16;
  Batch& out_;
  plan::Table table_;
  std::string_view rest_;
  std::string_view rule_ = rest_;
  std::string_view network_, transport_;  // what the matches so far have established
};

}  // namespace

void put_expressions(Batch& out, plan::Table table, std::string_view rule) {
  const std::size_t nest = out.open_nest(NFTA_RULE_EXPRESSIONS);
  Compiler(out, table, rule).run();
  out.close_nest(nest);
}

}  // namespace trestle::kernel
