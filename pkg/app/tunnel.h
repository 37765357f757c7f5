#pragma once
// Networks over many nodes: the kernel's entries for a tunnel's peers. What was programmed last is kept in overlay/<VTEP>.json below the state
// directory (app/tunnel_state.h), so that an ADD sees at a glance whether anything is to do, and `repair` needs no configuration.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/session.h"
#include "overlay/reconcile.h"

namespace trestle::app {

// Who wants a tunnel's peers as the list says. An ADD does nothing where the same was programmed into the same VTEP and is there. No more
// than a fifth of the peers goes in a minute, over several lists; a person who asks for the same list again does not wait. An ADD and the agent
// let none go for a list that names nobody but ourselves: it may be one that is being written.
enum class Asked : std::uint8_t { by_add, by_agent, by_person };

// Brings peers and their guard to what the configuration says, and the tunnel's end to where the underlay is now. The network's part is made
// already, else nothing is done.
overlay::Outcome sync_tunnel(Session& session, const config::NetConf& nic, Asked asked);

// The VTEP, when it is there. A link of that name that another hand made is not ours to fill or to empty: nullopt.
std::optional<kernel::LinkInfo> our_vtep(Session& session, const config::Overlay& overlay);

// What was programmed, and by which digest the tunnel's state knows it: made of thousands of peers again it takes longer than a change.
struct Programmed {
  config::NetConf nic;
  std::string digest;
};
Programmed programmed(Session& session, const config::NetConf& nic);  // just now, by this process

// The same where `last` is what this process programmed and only the list has changed since: the peers that changed, without a look at
// the others. nullopt: it is no such change (too many at once, other than peers, something is gone), nothing is done; sync_tunnel() is right.
std::optional<overlay::Outcome> change_tunnel(Session& session, const Programmed& last, const config::NetConf& now);

// What of the tunnel is not as the configuration says, one line each: where it leaves from, an MTU that the underlay does not carry, peers that
// are not programmed. `nic`: as with_tunnels() (app/here.h) has it.
std::vector<std::string> tunnel_defects(Session& session, const config::NetConf& nic);

// What a person should know of it, though it is as configured, one line each: a list that is long for broadcasts.
std::vector<std::string> tunnel_notes(const config::Overlay& overlay);
// The same of all tunnels, as they were programmed last, by their switch.
std::vector<std::pair<net::IfName, std::string>> all_tunnel_notes(Session& session);

// Of what was programmed last, by the tunnel's switch: what is not so any more.
std::vector<std::pair<net::IfName, std::string>> lost_entries(Session& session);

// Makes all of it again as it was programmed last, for all tunnels of this store. Returns what could not be mended, one line each.
std::vector<std::string> repair_tunnels(Session& session);

// What is kept of the VTEPs among these Steps goes: they were taken away. Returns what could not be removed, one line each.
std::vector<std::string> forget_tunnels(Session& session, const std::vector<plan::Step>& steps);

}  // namespace trestle::app
