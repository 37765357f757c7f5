#pragma once
// The text of a plan::Rules, read into values. Pure. A subset of nft's syntax, one thing per line:
//
//   table inet|bridge                     what follows belongs to table `trestle` of that family
//   set NAME TYPE[ . TYPE]... [interval|counter]
//   map NAME TYPE[ . TYPE]... : verdict | TYPE[ . TYPE]...
//   chain NAME [TYPE HOOK PRIORITY]       a base chain (one with a hook) has policy accept
//     RULE                                indented by two spaces; its phrases: kernel/nft_rule.h
//
// TYPE: ifname ether_addr ipv4_addr ipv6_addr inet_proto inet_service. Empty lines mean nothing.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/nft_types.h"
#include "plan/step.h"

namespace trestle::kernel {

struct NftSet {
  plan::Table table = plan::Table::inet;
  std::string name;
  std::vector<const NftTypeInfo*> key;        // never empty; more than one: a concatenation
  bool interval = false;                      // elements are ranges; in a concatenation of its last part (Linux 5.6)
  bool verdicts = false;                      // a map to verdicts
  std::vector<const NftTypeInfo*> data = {};  // of a map to values; else empty
  bool counted = false;                       // each element counts what matches it (Linux 5.11)
};

struct NftHook {
  std::string type;  // filter, nat
  std::uint32_t hook = 0;
  std::int32_t priority = 0;
};

struct NftRuleText {
  std::size_t line = 0;   // 1-based, for errors
  std::string_view text;  // points into the Rules' text
};

struct NftChain {
  plan::Table table = plan::Table::inet;
  std::string name;
  std::optional<NftHook> base;
  std::vector<NftRuleText> rules;
};

// In the order of the text. `tables`: those with a `table` line, each once.
struct NftRuleset {
  std::vector<plan::Table> tables;
  std::vector<NftSet> sets;
  std::vector<NftChain> chains;
};

// Throws Error{bug} naming the line. Rules are not looked into: so that DEL can take away what a newer release wrote.
// `rules` must outlive the answer.
NftRuleset parse_rules(const plan::Rules& rules);

// "inet" or "bridge".
std::string_view family_name(plan::Table table);
// What every rule of `rules` carries as its comment: "trestle <16 hex digits>".
std::string rules_comment(const plan::Rules& rules);

}  // namespace trestle::kernel
