#pragma once
// One rule line -> the expressions of an nf_tables rule. Pure: a test reads the message back. The phrases, in nft's own
// words:
//
//   MATCH   FIELD VALUE | FIELD != VALUE | KEY [!=] @SET | KEY vmap @MAP      KEY: FIELD[ . FIELD]...
//   WRITE   FIELD set VALUE       of ether, arp, ip6, meta priority; "nd lladdr" in a rule that only NS and NA with that option reach
//   FIELD   a row of kFields (nft_rule.cpp): iifname, ether saddr, ip daddr, ct state, ...
//   VALUE   an address or prefix, a number, a word of the field's type, "a,b" for bits; of interfaces only "lo", quoted
//   ACTION  accept | drop | return | jump CHAIN | goto CHAIN | reject with tcp reset
//           | reject with icmpx admin-prohibited | masquerade | masquerade to :LOW-HIGH
//           | meta pkttype set host
//           | dnat ip to KEY map @MAP | dnat ip6 to KEY map @MAP       the map's data: address . port
//
// A rule is matches and writes, and then at most one action. What a match presupposes (`ip saddr`: that it is IPv4) is put before
// it, as nft does. A new phrase is one row of a table.
#include <string_view>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// Appends NFTA_RULE_EXPRESSIONS to the message that `out` is at. Throws Error{bug} naming the words it does not
// understand.
void put_expressions(Batch& out, plan::Table table, std::string_view rule);

}  // namespace trestle::kernel
