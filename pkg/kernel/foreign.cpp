#include "kernel/foreign.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <map>

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

struct RuleSays {
  bool names_link = false;
  bool ends_all = false;  // nothing but a counter before a drop or reject
};

RuleSays read_rule(const nlmsghdr& message, const std::string& link) {
  RuleSays says;
  bool conditions = false, ends = false;
  const auto list = nft_attrs(message).view(NFTA_RULE_EXPRESSIONS).value_or(std::string_view());
  for (const std::string_view bytes : Attrs::all(list, NFTA_LIST_ELEM)) {
    const Attrs expression(bytes);
    const std::string name = expression.text(NFTA_EXPR_NAME);
    const Attrs data = expression.nest(NFTA_EXPR_DATA);
    if (name == "cmp" && names(data.nest(NFTA_CMP_DATA).view(NFTA_DATA_VALUE).value_or(std::string_view()), link))
      says.names_link = true;
    if (name == "immediate") {
      const Attrs verdict = data.nest(NFTA_IMMEDIATE_DATA).nest(NFTA_DATA_VERDICT);
      ends = verdict.has(NFTA_VERDICT_CODE) && be32(verdict, NFTA_VERDICT_CODE) == NF_DROP;
    } else if (name == "reject") {
      ends = true;
    } else if (name != "counter" && name != "log" && name != "limit") {
      conditions = true;
    }
  }
  says.ends_all = ends && !conditions;
  return says;
}

struct TableSays {
  bool names_link = false;
  std::map<std::string, bool> ends_all;  // by chain: does its last rule?
};

TableSays read_rules(Socket& netfilter, const TableKey& key, const std::string& link) {
  Batch batch;
  begin(batch, NFT_MSG_GETRULE, key.first, "list rules of table " + key.second);
  batch.put_text(NFTA_RULE_TABLE, key.second);
  TableSays says;
  netfilter.dump(
      batch, [&] { says = {}; },
      [&](const nlmsghdr& message) {
        const Attrs attrs = nft_attrs(message);
        if (attrs.text(NFTA_RULE_TABLE) != key.second) return;
        const RuleSays rule = read_rule(message, link);
        says.names_link = says.names_link || rule.names_link;
        says.ends_all[attrs.text(NFTA_RULE_CHAIN)] = rule.ends_all;
      });
  return says;
}

}  // namespace

std::vector<ForeignDrop> foreign_drops(Socket& netfilter, const net::IfName& bridge) {
  std::vector<ForeignDrop> out;
  for (const auto& [key, chains] : all_chains(netfilter)) {
    const auto in_the_way = [](const Chain& chain) {
      return chain.base && (chain.hook == NF_INET_FORWARD || chain.hook == NF_INET_LOCAL_IN);
    };
    if (std::none_of(chains.begin(), chains.end(), in_the_way)) continue;
    const TableSays says = read_rules(netfilter, key, bridge.str());
    if (says.names_link) continue;
    for (const Chain& chain : chains) {
      const auto last = says.ends_all.find(chain.name);
      if (!in_the_way(chain) || (!chain.drops && (last == says.ends_all.end() || !last->second))) continue;
      ForeignDrop drop{family_of(key.first), key.second, chain.name, chain.hook == NF_INET_FORWARD, false, {}};
      for (const Chain& other : chains) drop.chains.push_back(other.name);
      out.push_back(std::move(drop));
    }
  }
  for (const LegacyDrop& legacy : legacy_drops())
    out.push_back(
        {legacy.ipv6 ? "ip6" : "ip", "filter", legacy.forward ? "FORWARD" : "INPUT", legacy.forward, true, {}});
  return out;
}

}  // namespace trestle::kernel
