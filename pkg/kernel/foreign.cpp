#include "kernel/foreign.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <map>

#include "kernel/attrs.h"
#include "kernel/foreign_rules.h"
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

std::string family_of(std::uint8_t family) {
  return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "";
}

std::map<TableKey, std::vector<Chain>> all_chains(Socket& netfilter) {
  Batch batch;
  begin_foreign(batch, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, "list chains");
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
      if (!in_the_way(chain) || !(chain.drops || says.ends_all(chain.name)) || says.lets_pass(chain.name) ||
          says.lets_all(chain.name))
        continue;
      ForeignDrop drop{family_of(key.first), key.second, chain.name, chain.hook == NF_INET_FORWARD, false, false, {}};
      drop.unsure = says.asks_addresses(chain.name);
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
        {legacy.ipv6 ? "ip6" : "ip", "filter", legacy.forward ? "FORWARD" : "INPUT", legacy.forward, true, false, {}});
  return out;
}

std::vector<ForeignDrop> foreign_drops(Socket& netfilter, const TunnelInput& tunnel) {
  std::vector<ForeignDrop> out = drops_of(netfilter, {tunnel.link, &tunnel});
  for (const LegacyDrop& legacy : legacy_drops(tunnel.link, tunnel.port))
    if (!legacy.forward && legacy.ipv6 == (tunnel.family == net::Family::v6))
      out.push_back({legacy.ipv6 ? "ip6" : "ip", "filter", "INPUT", false, true, false, {}});
  return out;
}

}  // namespace trestle::kernel
