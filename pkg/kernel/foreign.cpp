#include "kernel/foreign.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "kernel/attrs.h"
#include "kernel/legacy_tables.h"
#include "kernel/nft_answer.h"

namespace trestle::kernel {

namespace {

constexpr std::string_view kOurs = "trestle";

struct Chain {
  std::string name;
  bool base = false, drops = false;
  std::uint32_t hook = 0;
};

using TableKey = std::pair<std::uint8_t, std::string>;  // family, name

void begin(Batch& batch, std::uint16_t kind, std::uint8_t family, const std::string& label) {
  const auto type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | kind);
  auto* header = static_cast<nfgenmsg*>(batch.begin(type, NLM_F_DUMP, sizeof(nfgenmsg), label));
  header->nfgen_family = family;
  header->version = NFNETLINK_V0;
  batch.accept(ENOENT);
}

std::string family_of(std::uint8_t family) {
  return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "";
}

std::map<TableKey, std::vector<Chain>> all_chains(Socket& netfilter) {
  Batch batch;
  begin(batch, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, "list chains");
  std::map<TableKey, std::vector<Chain>> out;
  netfilter.dump(
      batch, [&] { out.clear(); },
      [&](const nlmsghdr& message) {
        const auto header = header_of<nfgenmsg>(message);
        const Attrs attrs = nft_attrs(message);
        const std::string table = attrs.text(NFTA_CHAIN_TABLE);
        if (!header || family_of(header->nfgen_family).empty() || table == kOurs) return;
        Chain chain{attrs.text(NFTA_CHAIN_NAME), attrs.has(NFTA_CHAIN_HOOK) && attrs.text(NFTA_CHAIN_TYPE) == "filter",
                    be32(attrs, NFTA_CHAIN_POLICY) == NF_DROP && attrs.has(NFTA_CHAIN_POLICY),
                    be32(attrs.nest(NFTA_CHAIN_HOOK), NFTA_HOOK_HOOKNUM)};
        out[{header->nfgen_family, table}].push_back(std::move(chain));
      });
  return out;
}

// What a rule compares a name or an address with.
bool names(const std::string_view value, const std::string& link) {
  const std::string_view text = value.substr(0, value.find('\0'));
  if (text.size() < 2) return false;
  return text == link || (text.size() == value.size() && std::string_view(link).starts_with(text));  // "tr*"
}

// Whose packets: a switch's pods', by its link alone, or a tunnel's, by what a rule may know them by.
struct Subject {
  std::string link;
  const TunnelInput* tunnel = nullptr;

  // `value` is compared with the whole of a field, or the front of it.
  bool is_port(std::string_view value) const {
    return tunnel && value.size() == 2 &&
           (static_cast<std::uint8_t>(value[0]) << 8 | static_cast<std::uint8_t>(value[1])) == tunnel->port;
  }
  bool is_peer(std::string_view value) const {
    return tunnel && !value.empty() &&
           std::ranges::any_of(tunnel->peers, [&](const net::Ip& peer) { return peer.bytes().starts_with(value); });
  }
  // A key has each part at a register's start, padded with NULs.
  bool in_key(std::string_view key) const {
    constexpr std::size_t kName = 16, kRegister = 4;
    const std::size_t address = tunnel && tunnel->family == net::Family::v4 ? 4 : 16;
    for (std::size_t at = 0; at < key.size(); at += kRegister) {
      if (at + kName <= key.size() && names(key.substr(at, kName), link)) return true;
      if (is_port(key.substr(at, 2))) return true;
      if (tunnel && at + address <= key.size() && is_peer(key.substr(at, address))) return true;
    }
    return false;
  }
};

using Sets = std::map<std::string, bool>;  // of one table: does it have the subject among its elements?

bool set_names(Socket& netfilter, const TableKey& key, const std::string& set, const Subject& subject) {
  Batch batch;
  begin(batch, NFT_MSG_GETSETELEM, key.first, "list elements of table " + key.second + " set " + set);
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

struct RuleSays {
  bool names_link = false;
  bool conditions = false;  // more than a counter before its verdict
  bool drops = false, passes = false;
  bool leads = false;    // its passing is a jump: the link's packets are thought of there, and no more
  std::string leads_to;  // jump or goto
  std::vector<std::string> sets;
};

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
      says.passes = code == NF_ACCEPT || code == NFT_JUMP || code == NFT_GOTO;
      says.leads = code == NFT_JUMP || code == NFT_GOTO;
      says.leads_to = verdict.text(NFTA_VERDICT_CHAIN);
    } else if (name == "reject") {
      says.drops = true;
    } else if (name != "counter" && name != "log" && name != "limit") {
      says.conditions = true;
    }
  }
  return says;
}

class TableSays {
 public:
  TableSays(Socket& netfilter, const TableKey& key, const Subject& subject) : to_tunnel_(subject.tunnel != nullptr) {
    Batch batch;
    begin(batch, NFT_MSG_GETRULE, key.first, "list rules of table " + key.second);
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

  bool names_link(const std::string& chain) const {
    const auto found = rules_.find(chain);
    return found != rules_.end() && std::ranges::any_of(found->second, &RuleSays::names_link);
  }
  // Does a rule that packets of that chain come by let something of the link's pass, or lead it on?
  bool lets_pass(const std::string& chain) const {
    std::set<std::string> seen;  // many ways lead to one chain, and to the next one twice as many
    return lets_pass(chain, seen);
  }
  // Does nothing come past its last rule?
  bool ends_all(const std::string& chain, int depth = 0) const {
    const auto found = rules_.find(chain);
    if (found == rules_.end() || found->second.empty() || depth == kDeepest) return false;
    const RuleSays& last = found->second.back();
    return !last.conditions && (last.drops || (!last.leads_to.empty() && ends_all(last.leads_to, depth + 1)));
  }

 private:
  bool lets_pass(const std::string& chain, std::set<std::string>& seen) const {
    const auto found = rules_.find(chain);
    return found != rules_.end() && seen.insert(chain).second &&
           std::ranges::any_of(found->second, [&](const RuleSays& rule) {
             return (rule.names_link && rule.passes && !(to_tunnel_ && rule.leads)) ||
                    (!rule.leads_to.empty() && lets_pass(rule.leads_to, seen));
           });
  }

  static constexpr int kDeepest = 16;  // chains never lead in a circle
  bool to_tunnel_;
  std::map<std::string, std::vector<RuleSays>> rules_;
};

std::vector<ForeignDrop> drops_of(Socket& netfilter, const Subject& subject) {
  std::vector<ForeignDrop> out;
  const auto is_ours = [&](const TableKey& key, const Chain& chain) {
    if (!subject.tunnel) return chain.hook == NF_INET_FORWARD || chain.hook == NF_INET_LOCAL_IN;
    return chain.hook == NF_INET_LOCAL_IN &&
           key.first != (subject.tunnel->family == net::Family::v4 ? NFPROTO_IPV6 : NFPROTO_IPV4);
  };
  for (const auto& [key, chains] : all_chains(netfilter)) {
    const auto in_the_way = [&](const Chain& chain) { return chain.base && is_ours(key, chain); };
    if (std::none_of(chains.begin(), chains.end(), in_the_way)) continue;
    const TableSays says(netfilter, key, subject);
    for (const Chain& chain : chains) {
      if (!in_the_way(chain) || !(chain.drops || says.ends_all(chain.name)) || says.lets_pass(chain.name)) continue;
      ForeignDrop drop{family_of(key.first), key.second, chain.name, chain.hook == NF_INET_FORWARD, false, {}};
      for (const Chain& other : chains) drop.chains.push_back(other.name);
      out.push_back(std::move(drop));
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> chain_that_names(Socket& netfilter, const net::IfName& link, const net::IfName& beside) {
  for (const auto& [key, chains] : all_chains(netfilter)) {
    const TableSays of_link(netfilter, key, {link.str()}), of_other(netfilter, key, {beside.str()});
    for (const Chain& chain : chains)
      if (of_link.names_link(chain.name) && !of_other.names_link(chain.name))
        return "chain " + family_of(key.first) + " " + key.second + " " + chain.name;
  }
  const std::vector<LegacyDrop> others = legacy_drops(link.str());
  for (const LegacyDrop& drop : legacy_drops(beside.str()))
    if (std::ranges::find(others, drop) == others.end())
      return std::string(drop.ipv6 ? "ip6" : "ip") + "tables-legacy's chain " + (drop.forward ? "FORWARD" : "INPUT");
  return std::nullopt;
}

std::vector<ForeignDrop> foreign_drops(Socket& netfilter, const net::IfName& bridge) {
  std::vector<ForeignDrop> out = drops_of(netfilter, {bridge.str()});
  for (const LegacyDrop& legacy : legacy_drops(bridge.str()))
    out.push_back(
        {legacy.ipv6 ? "ip6" : "ip", "filter", legacy.forward ? "FORWARD" : "INPUT", legacy.forward, true, {}});
  return out;
}

std::vector<ForeignDrop> foreign_drops(Socket& netfilter, const TunnelInput& tunnel) {
  std::vector<ForeignDrop> out = drops_of(netfilter, {tunnel.link, &tunnel});
  for (const LegacyDrop& legacy : legacy_drops(tunnel.link, tunnel.port))
    if (!legacy.forward && legacy.ipv6 == (tunnel.family == net::Family::v6))
      out.push_back({legacy.ipv6 ? "ip6" : "ip", "filter", "INPUT", false, true, {}});
  return out;
}

}  // namespace trestle::kernel
