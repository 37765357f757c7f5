#pragma once
#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// A policy rule: from one address to one table. The very same one that is there already is accepted.
void add_rule(Batch& batch, const plan::Rule& rule);
void delete_rule(Batch& batch, const plan::Rule& rule);  // absent is accepted
// With the same source, table and priority. A dump of the family's rules.
bool has_rule(Socket& socket, const plan::Rule& rule);
// Does a policy rule of either family ask for that link by its name (iif, oif)?
bool rules_name(Socket& socket, const net::IfName& link);
// Those of both families that add_rule() made, whoever's they are: by their protocol. `where` is the pod.
std::vector<plan::Rule> our_rules(Socket& socket);

}  // namespace trestle::kernel
