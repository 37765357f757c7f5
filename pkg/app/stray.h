#pragma once
// What is ours though no record tells of it, as Steps for engine::undo: for DEL and GC when the store lost something. Changes nothing.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/session.h"
#include "plan/step.h"

namespace trestle::app {

// The interface names that the attachments' elements of our tables mention.
std::set<std::string> mentioned_links(Session& session);

// The elements of each link, and the published ports that lead to an address of it.
std::map<std::string, std::vector<plan::Step>> elements_by_link(Session& session);
// Every element whose first field is one of these interface names, and the published ports that lead to an address which only they may
// have. Empty where our tables are gone.
std::vector<plan::Step> elements_of(Session& session, const std::set<std::string>& links);

// Tunnels that no part has, by their VNI, as somebody may have renamed them. `known`: the switches that have a part; `kept`: the Steps of all
// parts. None where a switch without a part has ports: its pods are alive, and live with the tunnel.
std::vector<plan::Step> stray_tunnels(Session& session, const std::set<net::IfName>& known,
                                      const std::vector<std::vector<plan::Step>>& kept);

// As much of a veth pair, or of the ifb beside it, as undo needs: it goes when its group is this one, or (`alias` not empty) its alias.
plan::Step veth_step(const net::IfName& host, std::uint32_t group, const std::string& alias = {});
plan::Step ifb_step(const net::IfName& ifb, std::uint32_t group, const std::string& alias = {});
// As much of a TAP as undo needs: it goes when its alias is this one.
plan::Step tap_step(const net::IfName& tap, const std::string& alias);

}  // namespace trestle::app
