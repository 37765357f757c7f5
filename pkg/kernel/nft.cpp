#include "kernel/nft.h"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "kernel/nft_message.h"
#include "kernel/nft_transaction.h"

namespace trestle::kernel {

namespace {

constexpr std::size_t kRemovalsAtOnce =
    256;  // each may be answered by an error; more would overflow the receive buffer

// Tables, sets, chains, and then the rules: a rule names sets and chains that stand further down in the text.
void put_rules(NftMessages& out, const plan::Rules& rules) {
  const NftRuleset ruleset = parse_rules(rules);
  const std::string comment = rules_comment(rules);
  for (const plan::Table table : ruleset.tables) {
    put_table(out.batch, table);
    out.label(nft_label(table, "table", "trestle"));
  }
  for (const NftSet& set : ruleset.sets) {
    put_set(out.batch, set);
    out.label(nft_label(set.table, "set", set.name));
  }
  for (const NftChain& chain : ruleset.chains) {
    put_chain(out.batch, chain);
    put_flush(out.batch, chain.table, chain.name);
    out.label(nft_label(chain.table, "chain", chain.name));
  }
  for (const NftChain& chain : ruleset.chains)
    for (const NftRuleText& rule : chain.rules) {
      base::in_context("rules " + rules.name + " line " + std::to_string(rule.line),
                       [&] { put_rule(out.batch, chain, rule, comment); });
      out.label(nft_label(chain.table, "chain", chain.name) + ": " + std::string(rule.text));
    }
}

// Rules first: they refer to the sets and to the other chains.
void put_removal(NftMessages& out, const plan::Rules& rules) {
  if (rules.name == "tables") {
    for (const plan::Table table : {plan::Table::inet, plan::Table::bridge}) {
      put_table_by_name(out.batch, NFT_MSG_DELTABLE, table);
      out.label(nft_label(table, "table", "trestle"));
    }
    return;
  }
  const NftRuleset ruleset = parse_rules(rules);
  for (const NftChain& chain : ruleset.chains) {
    put_flush(out.batch, chain.table, chain.name);
    out.label(nft_label(chain.table, "chain", chain.name));
  }
  for (const NftChain& chain : ruleset.chains) {
    put_chain_by_name(out.batch, NFT_MSG_DELCHAIN, chain.table, chain.name);
    out.label(nft_label(chain.table, "chain", chain.name));
  }
  for (const NftSet& set : ruleset.sets) {
    put_set_by_name(out.batch, NFT_MSG_DELSET, set.table, set.name);
    out.label(nft_label(set.table, "set", set.name));
  }
}

void put_all_elements(NftMessages& out, std::uint16_t kind, const plan::Elements& elements) {
  for (std::span<const plan::Element> rest = elements.elements; !rest.empty();) {
    const std::size_t count = std::min(rest.size(), kNftElements);
    put_elements(out.batch, kind, elements.table, elements.set, rest.first(count));
    rest = rest.subspan(count);
  }
  out.label(nft_label(elements.table, "elements", elements.set));
}

}  // namespace

struct NftBatch::Impl {
  NftMessages messages;
};

NftBatch::NftBatch() : impl_(std::make_unique<Impl>()) {}
NftBatch::~NftBatch() = default;

bool NftBatch::empty() const { return impl_->messages.batch.empty(); }

void NftBatch::add_rules(const plan::Rules& rules) {
  try {
    put_rules(impl_->messages, rules);
  } catch (const base::Error&) {
    impl_->messages.clear();  // half a rule must not be sent
    throw;
  }
}

void NftBatch::delete_rules(const plan::Rules& rules) { put_removal(impl_->messages, rules); }
void NftBatch::add_elements(const plan::Elements& elements) {
  put_all_elements(impl_->messages, NFT_MSG_NEWSETELEM, elements);
}
void NftBatch::delete_elements(const plan::Elements& elements) {
  put_all_elements(impl_->messages, NFT_MSG_DELSETELEM, elements);
}

bool NftBatch::Outcome::missing() const { return err == ENOENT; }

NftBatch::Outcome NftBatch::send(Socket& netfilter) {
  NftMessages messages;
  std::swap(messages, impl_->messages);
  const std::vector<NftRefusal> refusals = transact(netfilter, messages.batch.bytes());
  if (refusals.empty()) return {};
  const NftRefusal& first = refusals.front();
  return {false, first.err, first.index == kNftWhole ? "transaction" : messages.labels[first.index]};
}

void remove_elements(Socket& netfilter, const std::vector<plan::Elements>& elements) {
  NftMessages messages;
  const auto flush = [&] {
    if (messages.batch.empty()) return;
    transact_existing(netfilter, messages);
    messages.clear();
  };
  for (const plan::Elements& some : elements)
    for (const plan::Element& element : some.elements) {
      put_elements(messages.batch, NFT_MSG_DELSETELEM, some.table, some.set, {&element, 1});
      messages.label(nft_label(some.table, "elements", some.set));
      if (messages.batch.size() == kRemovalsAtOnce) flush();
    }
  flush();
}

void remove_rules(Socket& netfilter, const plan::Rules& rules) {
  NftMessages messages;
  put_removal(messages, rules);
  transact_existing(netfilter, messages);
}

}  // namespace trestle::kernel
