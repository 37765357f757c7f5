#include "kernel/foreign.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
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

using Sets = std::map<std::string, bool>;  // of one table: does it have the link's name among its elements?

bool set_names_link(Socket& netfilter, const TableKey& key, const std::string& set, const std::string& link) {
  constexpr std::size_t kName = 16;  // of an interface in a key, padded with NULs; a concatenation has others before it
  constexpr std::size_t kRegister = 4;
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
          for (std::size_t at = 0; at + kName <= value.size(); at += kRegister)
            if (names(value.substr(at, kName), link)) found = true;
        }
      });
  return found;
}

struct RuleSays {
  bool names_link = false;
  bool conditions = false;  // more than a counter before its verdict
  bool drops = false, passes = false;
  bool accepts = false, by_address = false, limited = false;
  std::string leads_to;  // jump or goto
  std::vector<std::string> sets;
};

// Source or destination, of IPv4 or IPv6; of a prefix it is the first bytes.
bool loads_address(const Attrs& payload) {
  const std::uint32_t at = be32(payload, NFTA_PAYLOAD_OFFSET);
  return be32(payload, NFTA_PAYLOAD_BASE) == NFT_PAYLOAD_NETWORK_HEADER &&
         (at == 12 || at == 16 || at == 8 || at == 24);
}

RuleSays read_rule(const nlmsghdr& message, const std::string& link) {
  RuleSays says;
  const auto list = nft_attrs(message).view(NFTA_RULE_EXPRESSIONS).value_or(std::string_view());
  for (const std::string_view bytes : Attrs::all(list, NFTA_LIST_ELEM)) {
    const Attrs expression(bytes);
    const std::string name = expression.text(NFTA_EXPR_NAME);
    const Attrs data = expression.nest(NFTA_EXPR_DATA);
    // One that is for all links but ours lets ours not pass.
    const bool equal = be32(data, NFTA_CMP_OP) == NFT_CMP_EQ;
    if (name == "cmp" && equal &&
        names(data.nest(NFTA_CMP_DATA).view(NFTA_DATA_VALUE).value_or(std::string_view()), link))
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

class TableSays {
 public:
  TableSays(Socket& netfilter, const TableKey& key, const std::string& link) {
    Batch batch;
    begin(batch, NFT_MSG_GETRULE, key.first, "list rules of table " + key.second);
    batch.put_text(NFTA_RULE_TABLE, key.second);
    netfilter.dump(
        batch, [&] { rules_.clear(); },
        [&](const nlmsghdr& message) {
          const Attrs attrs = nft_attrs(message);
          if (attrs.text(NFTA_RULE_TABLE) == key.second)
            rules_[attrs.text(NFTA_RULE_CHAIN)].push_back(read_rule(message, link));
        });
    Sets sets;
    for (auto& [chain, rules] : rules_)
      for (RuleSays& rule : rules)
        for (const std::string& set : rule.sets) {
          const auto [known, fresh] = sets.try_emplace(set, false);
          if (fresh) known->second = set_names_link(netfilter, key, set, link);
          rule.names_link = rule.names_link || known->second;
        }
  }

  bool names_link(const std::string& chain) const {
    const auto found = rules_.find(chain);
    return found != rules_.end() && std::ranges::any_of(found->second, &RuleSays::names_link);
  }
  // Does a rule that packets of that chain come by let something of the link's pass, or lead it on?
  bool lets_pass(const std::string& chain) const {
    return any(chain, [](const RuleSays& rule) { return rule.names_link && rule.passes; });
  }
  // Does it let something pass by an address, which may be of the link's?
  bool asks_addresses(const std::string& chain) const {
    return any(chain, [](const RuleSays& rule) { return rule.by_address && rule.passes; });
  }
  // Does it let everything pass, the link's too, without asking for anything?
  bool lets_all(const std::string& chain) const {
    const auto asks = [](const RuleSays& rule) { return rule.conditions || rule.limited; };
    return any(
        chain, [&](const RuleSays& rule) { return rule.accepts && !asks(rule); },
        [&](const RuleSays& rule) { return !asks(rule); });
  }
  // Does nothing come past its last rule?
  bool ends_all(const std::string& chain, int depth = 0) const {
    const auto found = rules_.find(chain);
    if (found == rules_.end() || found->second.empty() || depth == kDeepest) return false;
    const RuleSays& last = found->second.back();
    return !last.conditions && (last.drops || (!last.leads_to.empty() && ends_all(last.leads_to, depth + 1)));
  }

 private:
  // Is there a rule like that in the chain, or in one that it leads to by rules that are followed?
  template <class Like>
  bool any(const std::string& chain, Like like) const {
    return any(chain, like, [](const RuleSays&) { return true; });
  }
  template <class Like, class Followed>
  bool any(const std::string& chain, Like like, Followed followed) const {
    std::set<std::string> seen;  // many ways lead to one chain, and to the next one twice as many
    std::vector<std::string> todo{chain};
    while (!todo.empty()) {
      const auto found = rules_.find(todo.back());
      todo.pop_back();
      if (found == rules_.end() || !seen.insert(found->first).second) continue;
      for (const RuleSays& rule : found->second) {
        if (like(rule)) return true;
        if (!rule.leads_to.empty() && followed(rule)) todo.push_back(rule.leads_to);
      }
    }
    return false;
  }

  static constexpr int kDeepest = 16;  // chains never lead in a circle
  std::map<std::string, std::vector<RuleSays>> rules_;
};

}  // namespace

std::optional<std::string> chain_that_names(Socket& netfilter, const net::IfName& link, const net::IfName& beside) {
  for (const auto& [key, chains] : all_chains(netfilter)) {
    const TableSays of_link(netfilter, key, link.str()), of_other(netfilter, key, beside.str());
    for (const Chain& chain : chains)
      if (of_link.names_link(chain.name) && !of_other.names_link(chain.name))
        return "chain " + family_of(key.first) + " " + key.second + " " + chain.name;
  }
  const std::vector<LegacyDrop> others = legacy_drops(link.str());
  for (const LegacyDrop& drop : legacy_drops(beside.str()))
    if (std::ranges::none_of(
            others, [&](const LegacyDrop& other) { return other.ipv6 == drop.ipv6 && other.forward == drop.forward; }))
      return std::string(drop.ipv6 ? "ip6tables" : "iptables") + "-legacy's chain " +
             (drop.forward ? "FORWARD" : "INPUT");
  return std::nullopt;
}

std::vector<ForeignDrop> foreign_drops(Socket& netfilter, const net::IfName& bridge) {
  std::vector<ForeignDrop> out;
  for (const auto& [key, chains] : all_chains(netfilter)) {
    const auto in_the_way = [](const Chain& chain) {
      return chain.base && (chain.hook == NF_INET_FORWARD || chain.hook == NF_INET_LOCAL_IN);
    };
    if (std::none_of(chains.begin(), chains.end(), in_the_way)) continue;
    const TableSays says(netfilter, key, bridge.str());
    for (const Chain& chain : chains) {
      if (!in_the_way(chain) || !(chain.drops || says.ends_all(chain.name)) || says.lets_pass(chain.name) ||
          says.lets_all(chain.name))
        continue;
      ForeignDrop drop{family_of(key.first), key.second, chain.name, chain.hook == NF_INET_FORWARD, false, false, {}};
      drop.unsure = says.asks_addresses(chain.name);
      for (const Chain& other : chains) drop.chains.push_back(other.name);
      out.push_back(std::move(drop));
    }
  }
  for (const LegacyDrop& legacy : legacy_drops(bridge.str()))
    out.push_back(
        {legacy.ipv6 ? "ip6" : "ip", "filter", legacy.forward ? "FORWARD" : "INPUT", legacy.forward, true, false, {}});
  return out;
}

}  // namespace trestle::kernel
