#pragma once
// The host's side of a switch: the bridge; where pods are routed, forwarding and the gateway's addresses.
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// MTU of everything on this switch: the config's, else the host's.
std::uint32_t mtu(const config::NetConf& conf, const plan::Facts& facts);
bool has_family(const config::NetConf& conf, net::Family family);

// Forwarding for the families in use, and the drop-in that keeps `sysctl --system` from taking it back. A host that learned its IPv6
// default route by RA would lose it to forwarding: accept_ra becomes 2 there first (for-linux#1373, moby#43466).
void add_forwarding(std::vector<plan::Step>& steps, const SwitchInput& in);
// The switch's own, where IPv4 asks for it link by link: a host whose links do not forward by default gave it to a new switch as "off". Comes after
// the switch. (IPv6 asks for the host's alone.)
void add_own_forwarding(std::vector<plan::Step>& steps, const SwitchInput& in);
// Does this network make its switch filter VLANs?
bool filters_vlans(const config::NetConf& conf);
// The bridge with its fixed MAC (the kernel's own choice follows the lowest port: ~100 s of outage, netavark#833), gateway addresses, up.
void add_gateway_switch(std::vector<plan::Step>& steps, const SwitchInput& in);
// The same without the host: no address, no IPv6.
void add_bare_switch(std::vector<plan::Step>& steps, const SwitchInput& in, const net::Mac& mac);
// The switch's own prefixes, which are never masqueraded to.
void add_prefixes(std::vector<plan::Step>& steps, const SwitchInput& in);

// How the path and the text of every sysctl.d file of this switch begin: 8 hexadecimal digits and ".conf" follow, and one line per key.
plan::File drop_in_mark(const net::IfName& bridge);

}  // namespace trestle::modes
