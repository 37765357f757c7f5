#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <algorithm>
#include <optional>

#include "kernel/nft.h"
#include "kernel/nft_answer.h"
#include "kernel/nft_message.h"
#include "plan/plan.h"

namespace trestle::kernel {
namespace {

bool has_table(Socket& netfilter, plan::Table table) {
  Batch request;
  put_table_by_name(request, NFT_MSG_GETTABLE, table);
  return netfilter.get(request).has_value();
}

std::optional<std::vector<char>> get_set(Socket& netfilter, plan::Table table, const std::string& set) {
  Batch request;
  put_set_by_name(request, NFT_MSG_GETSET, table, set);
  return netfilter.get(request);
}

const nlmsghdr& message_in(const std::vector<char>& bytes) { return *reinterpret_cast<const nlmsghdr*>(bytes.data()); }

struct Count {
  std::size_t ours = 0, others = 0;
};

// A dump, but of one chain: the kernel has no other way to tell rules, and looks the chain up by its name.
Count count_rules(Socket& netfilter, const NftChain& chain, const std::string& comment) {
  Batch request;
  begin_nft(request, NFT_MSG_GETRULE, NLM_F_DUMP, chain.table, nft_label(chain.table, "chain", chain.name));
  request.put_text(NFTA_RULE_TABLE, "trestle");
  request.put_text(NFTA_RULE_CHAIN, chain.name);
  Count count;
  netfilter.dump(
      request, [&] { count = {}; },
      [&](const nlmsghdr& message) { ++(rule_comment(nft_attrs(message)) == comment ? count.ours : count.others); });
  return count;
}

std::optional<std::string> defect(Socket& netfilter, const NftChain& chain, const std::string& comment) {
  const std::string name = nft_label(chain.table, "chain", chain.name);
  Batch request;
  put_chain_by_name(request, NFT_MSG_GETCHAIN, chain.table, chain.name);
  const auto answer = netfilter.get(request);
  if (!answer) return name + " is missing";
  const Attrs attrs = nft_attrs(message_in(*answer));
  if (chain.base && !attrs.has(NFTA_CHAIN_HOOK)) return name + " is on no hook";
  if (chain.base && be32(attrs, NFTA_CHAIN_POLICY) != NF_ACCEPT) return name + " has not policy accept";
  const Count count = count_rules(netfilter, chain, comment);
  if (count.ours == chain.rules.size() && count.others == 0) return std::nullopt;
  return name + " has " + std::to_string(count.ours) + " of " + std::to_string(chain.rules.size()) + " rules" +
         (count.others > 0 ? " and " + std::to_string(count.others) + " others" : "");
}

bool has_element(Socket& netfilter, const plan::Elements& elements, const plan::Element& element) {
  Batch request;
  put_elements(request, NFT_MSG_GETSETELEM, elements.table, elements.set, {&element, 1});
  const auto answer = netfilter.get(request);
  if (!answer) return false;
  const std::string key = element_key(element).first;
  return std::ranges::any_of(raw_elements(message_in(*answer)),
                             [&](const RawElement& raw) { return raw.key == key && raw.chain == element.jump; });
}

const net::Cidr* prefix_in(const plan::Element& element) {
  return element.key.size() == 1 ? std::get_if<net::Cidr>(&element.key.front()) : nullptr;
}

std::vector<std::string> names(Socket& netfilter, plan::Table table, std::uint16_t kind, std::uint16_t table_attr,
                               std::uint16_t name_attr) {
  Batch request;
  begin_nft(request, kind, NLM_F_DUMP, table, nft_label(table, "table", "trestle"));
  request.put_text(table_attr, "trestle");
  request.accept(ENOENT);
  std::vector<std::string> out;
  netfilter.dump(
      request, [&] { out.clear(); },
      [&](const nlmsghdr& message) {
        const Attrs attrs = nft_attrs(message);
        // The kernel ignores the table's name when it dumps chains.
        if (attrs.text(table_attr) == "trestle") out.push_back(attrs.text(name_attr));
      });
  return out;
}

std::vector<RawElement> dump_elements(Socket& netfilter, plan::Table table, const std::string& set) {
  Batch request;
  begin_nft(request, NFT_MSG_GETSETELEM, NLM_F_DUMP, table, nft_label(table, "elements", set));
  request.put_text(NFTA_SET_ELEM_LIST_TABLE, "trestle");
  request.put_text(NFTA_SET_ELEM_LIST_SET, set);
  request.accept(ENOENT);
  std::vector<RawElement> raw;
  netfilter.dump(
      request, [&] { raw.clear(); },
      [&](const nlmsghdr& message) {
        const std::vector<RawElement> some = raw_elements(message);
        raw.insert(raw.end(), some.begin(), some.end());
      });
  return raw;
}

}  // namespace

std::vector<std::string> missing_rules(Socket& netfilter, const plan::Rules& rules, bool* table_gone) {
  const NftRuleset ruleset = parse_rules(rules);
  const std::string comment = rules_comment(rules);
  std::vector<std::string> out;
  for (const plan::Table table : ruleset.tables) {
    if (!has_table(netfilter, table)) {
      if (table_gone) *table_gone = true;
      out.push_back(nft_label(table, "table", "trestle") + " is missing");
      continue;
    }
    for (const NftSet& set : ruleset.sets)
      if (set.table == table && !get_set(netfilter, table, set.name))
        out.push_back(nft_label(table, "set", set.name) + " is missing");
    for (const NftChain& chain : ruleset.chains)
      if (chain.table == table)
        if (auto wrong = defect(netfilter, chain, comment)) out.push_back(std::move(*wrong));
  }
  return out;
}

std::vector<std::string> missing_elements(Socket& netfilter, const plan::Elements& elements, bool* table_gone) {
  std::vector<std::string> out;
  std::optional<std::vector<plan::Element>> intervals;
  for (const plan::Element& element : elements.elements) {
    bool there = false;
    if (const net::Cidr* prefix = prefix_in(element)) {
      // By a dump: asked for the end of an interval where the next one begins, 6.18 answers with the end of the next. A
      // switch has few.
      if (!intervals) intervals = list_elements(netfilter, elements.table, elements.set);
      there = std::ranges::find(*intervals, plan::Element{{prefix->network()}, {}}) != intervals->end();
    } else {
      there = has_element(netfilter, elements, element);
    }
    if (!there) out.push_back(plan::element_text(element));
  }
  if (!out.empty() && table_gone && !has_table(netfilter, elements.table)) *table_gone = true;
  return out;
}

std::vector<std::string> set_names(Socket& netfilter, plan::Table table) {
  return names(netfilter, table, NFT_MSG_GETSET, NFTA_SET_TABLE, NFTA_SET_NAME);
}

std::vector<plan::Element> list_elements(Socket& netfilter, plan::Table table, const std::string& set) {
  const auto answer = get_set(netfilter, table, set);
  if (!answer) return {};
  const Attrs attrs = nft_attrs(message_in(*answer));
  return read_elements(key_parts(be32(attrs, NFTA_SET_KEY_TYPE)), (be32(attrs, NFTA_SET_FLAGS) & NFT_SET_INTERVAL) != 0,
                       dump_elements(netfilter, table, set));
}

std::map<net::Ip, Traffic> address_counters(Socket& netfilter, plan::Table table, const std::string& set) {
  std::map<net::Ip, Traffic> out;
  for (const RawElement& raw : dump_elements(netfilter, table, set))
    if (raw.key.size() == 4 || raw.key.size() == 16) out[net::Ip::from_bytes(raw.key)] = raw.traffic;
  return out;
}

}  // namespace trestle::kernel
