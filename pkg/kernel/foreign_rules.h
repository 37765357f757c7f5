#pragma once
// What the rules of somebody else's table say of packets that we care for.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/foreign.h"

namespace trestle::kernel {

using TableKey = std::pair<std::uint8_t, std::string>;  // family, name

// A dump of nf_tables objects of one kind; that there are none is no error.
void begin_foreign(Batch& batch, std::uint16_t kind, std::uint8_t family, const std::string& label);

// Whose packets: a switch's pods', by its link alone, or a tunnel's, by what a rule may know them by.
struct Subject {
  std::string link;
  const TunnelInput* tunnel = nullptr;

  // `value` is compared with the whole of a field, or the front of it.
  bool is_port(std::string_view value) const;
  bool is_peer(std::string_view value) const;
  // A key has each part at a register's start, padded with NULs.
  bool in_key(std::string_view key) const;
};

// One rule.
struct RuleSays {
  bool names_link = false;
  bool conditions = false;  // more than a counter before its verdict
  bool drops = false, passes = false;
  bool leads = false;  // its passing is a jump: the link's packets are thought of there, and no more
  bool accepts = false, by_address = false, limited = false;
  std::string leads_to;  // jump or goto
  std::vector<std::string> sets;
};

class TableSays {
 public:
  // A dump of its rules, and of the sets that they look into.
  TableSays(Socket& netfilter, const TableKey& key, const Subject& subject);

  // Does one of the chain's own rules ask for the link?
  bool names_link(const std::string& chain) const {
    const auto found = rules_.find(chain);
    return found != rules_.end() && std::ranges::any_of(found->second, &RuleSays::names_link);
  }
  // Does a rule that packets of that chain come by let something of the link's pass, or lead it on?
  bool lets_pass(const std::string& chain) const {
    return any(chain,
               [&](const RuleSays& rule) { return rule.names_link && rule.passes && !(to_tunnel_ && rule.leads); });
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
  bool to_tunnel_;
  std::map<std::string, std::vector<RuleSays>> rules_;
};

}  // namespace trestle::kernel
