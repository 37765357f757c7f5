#include "kernel/foreign_rules.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <cerrno>
#include <cstring>

#include "kernel/attrs.h"
#include "kernel/nft_answer.h"

namespace trestle::kernel {

namespace {

// What a rule compares a name or an address with.
bool names(const std::string_view value, const std::string& link) {
  const std::string_view text = value.substr(0, value.find('\0'));
  if (text.size() < 2) return false;
  return text == link || (text.size() == value.size() && std::string_view(link).starts_with(text));  // "tr*"
}

}  // namespace

void begin_foreign(Batch& batch, std::uint16_t kind, std::uint8_t family, const std::string& label) {
  const auto type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | kind);
  auto* header = static_cast<nfgenmsg*>(batch.begin(type, NLM_F_DUMP, sizeof(nfgenmsg), label));
  header->nfgen_family = family;
  header->version = NFNETLINK_V0;
  batch.accept(ENOENT);
}

bool Subject::is_port(std::string_view value) const {
  return tunnel && value.size() == 2 &&
         (static_cast<std::uint8_t>(value[0]) << 8 | static_cast<std::uint8_t>(value[1])) == tunnel->port;
}

bool Subject::is_peer(std::string_view value) const {
  return tunnel && !value.empty() &&
         std::ranges::any_of(tunnel->peers, [&](const net::Ip& peer) { return peer.bytes().starts_with(value); });
}

bool Subject::in_key(std::string_view key) const {
  constexpr std::size_t kName = 16, kRegister = 4;
  const std::size_t address = tunnel && tunnel->family == net::Family::v4 ? 4 : 16;
  for (std::size_t at = 0; at < key.size(); at += kRegister) {
    if (at + kName <= key.size() && names(key.substr(at, kName), link)) return true;
    if (is_port(key.substr(at, 2))) return true;
    if (tunnel && at + address <= key.size() && is_peer(key.substr(at, address))) return true;
  }
  return false;
}

namespace {

using Sets = std::map<std::string, bool>;  // of one table: does it have the subject among its elements?

bool set_names(Socket& netfilter, const TableKey& key, const std::string& set, const Subject& subject) {
  Batch batch;
  begin_foreign(batch, NFT_MSG_GETSETELEM, key.first, "list elements of table " + key.second + " set " + set);
  batch.put_text(NFTA_SET_ELEM_LIST_TABLE, key.second);
  batch.put_text(NFTA_SET_ELEM_LIST_SET, set);
  bool found = false;
  netfilter.dump(
      batch, [&] { found = false; },
      [&](const nlmsghdr& message) {
        const auto list = nft_attrs(message).view(NFTA_SET_ELEM_LIST_ELEMENTS).value_or(std::string_view());
        for (const std::string_view bytes : Attrs::all(list, NFTA_LIST_ELEM)) {
          const auto value = Attrs(bytes).nest(NFTA_SET_ELEM_KEY).view(NFTA_DATA_VALUE).value_or(std::string_view());
          found = found || subject.in_key(value);
        }
      });
  return found;
}

// Source or destination, of IPv4 or IPv6; of a prefix it is the first bytes.
bool loads_address(const Attrs& payload) {
  const std::uint32_t at = be32(payload, NFTA_PAYLOAD_OFFSET);
  return be32(payload, NFTA_PAYLOAD_BASE) == NFT_PAYLOAD_NETWORK_HEADER &&
         (at == 12 || at == 16 || at == 8 || at == 24);
}

// iptables' own matches, where nft has no words for them.
bool match_names(const Attrs& match, const Subject& subject) {
  const auto info = match.view(NFTA_MATCH_INFO).value_or(std::string_view());
  xt_udp udp{};
  if (!subject.tunnel || match.text(NFTA_MATCH_NAME) != "udp" || info.size() < sizeof udp) return false;
  std::memcpy(&udp, info.data(), sizeof udp);
  return (udp.invflags & XT_UDP_INV_DSTPT) == 0 && udp.dpts[0] <= subject.tunnel->port &&
         subject.tunnel->port <= udp.dpts[1];
}

// Is what was loaded last the field that `value`, of so many bytes, may know the subject by?
bool compares(const Attrs& loaded, std::string_view value, bool masked, const Subject& subject) {
  if (names(value, subject.link)) return true;
  if (!subject.tunnel) return false;
  const std::uint32_t base = be32(loaded, NFTA_PAYLOAD_BASE), offset = be32(loaded, NFTA_PAYLOAD_OFFSET);
  constexpr std::uint32_t kSource4 = 12, kSource6 = 8, kPort = 2;
  if (base == NFT_PAYLOAD_TRANSPORT_HEADER) return offset == kPort && subject.is_port(value);
  if (base != NFT_PAYLOAD_NETWORK_HEADER || offset != (subject.tunnel->family == net::Family::v4 ? kSource4 : kSource6))
    return false;
  const std::size_t end = masked ? value.find_last_not_of('\0') + 1 : value.size();
  return subject.is_peer(value.substr(0, end));
}

RuleSays read_rule(const nlmsghdr& message, const Subject& subject) {
  RuleSays says;
  std::string_view loaded;  // the last one of a packet's field
  bool masked = false;
  const auto list = nft_attrs(message).view(NFTA_RULE_EXPRESSIONS).value_or(std::string_view());
  for (const std::string_view bytes : Attrs::all(list, NFTA_LIST_ELEM)) {
    const Attrs expression(bytes);
    const std::string name = expression.text(NFTA_EXPR_NAME);
    const Attrs data = expression.nest(NFTA_EXPR_DATA);
    // One that is for all links but ours lets ours not pass.
    const bool equal = be32(data, NFTA_CMP_OP) == NFT_CMP_EQ;
    if (name == "payload" || name == "meta") {
      loaded = name == "payload" ? expression.view(NFTA_EXPR_DATA).value_or(std::string_view()) : std::string_view();
      masked = false;
    }
    if (name == "bitwise") masked = true;
    if (name == "match" && match_names(data, subject)) says.names_link = true;
    if (name == "cmp" && equal &&
        compares(Attrs(loaded), data.nest(NFTA_CMP_DATA).view(NFTA_DATA_VALUE).value_or(std::string_view()), masked,
                 subject))
      says.names_link = true;
    if (name == "lookup" && (be32(data, NFTA_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) == 0) {
      says.sets.push_back(data.text(NFTA_LOOKUP_SET));
      if (data.has(NFTA_LOOKUP_DREG)) says.passes = true;  // a map of verdicts: whoever stands in it is thought of
    }
    if (name == "immediate") {
      const Attrs verdict = data.nest(NFTA_IMMEDIATE_DATA).nest(NFTA_DATA_VERDICT);
      if (!verdict.has(NFTA_VERDICT_CODE)) continue;
      const auto code = static_cast<std::int32_t>(be32(verdict, NFTA_VERDICT_CODE));
      says.drops = code == NF_DROP;
      says.accepts = code == NF_ACCEPT;
      says.passes = code == NF_ACCEPT || code == NFT_JUMP || code == NFT_GOTO;
      says.leads = code == NFT_JUMP || code == NFT_GOTO;
      says.leads_to = verdict.text(NFTA_VERDICT_CHAIN);
    } else if (name == "reject") {
      says.drops = true;
    } else if (name == "limit") {
      says.limited = true;
    } else if (name != "counter" && name != "log") {
      says.conditions = true;
      says.by_address = says.by_address || (name == "payload" && loads_address(data));
    }
  }
  return says;
}

}  // namespace

TableSays::TableSays(Socket& netfilter, const TableKey& key, const Subject& subject)
    : to_tunnel_(subject.tunnel != nullptr) {
  Batch batch;
  begin_foreign(batch, NFT_MSG_GETRULE, key.first, "list rules of table " + key.second);
  batch.put_text(NFTA_RULE_TABLE, key.second);
  netfilter.dump(
      batch, [&] { rules_.clear(); },
      [&](const nlmsghdr& message) {
        const Attrs attrs = nft_attrs(message);
        if (attrs.text(NFTA_RULE_TABLE) == key.second)
          rules_[attrs.text(NFTA_RULE_CHAIN)].push_back(read_rule(message, subject));
      });
  Sets sets;
  for (auto& [chain, rules] : rules_)
    for (RuleSays& rule : rules)
      for (const std::string& set : rule.sets) {
        const auto [known, fresh] = sets.try_emplace(set, false);
        if (fresh) known->second = set_names(netfilter, key, set, subject);
        rule.names_link = rule.names_link || known->second;
      }
}

}  // namespace trestle::kernel
