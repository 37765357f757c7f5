#pragma once
// DHCP, RA and DNS for the guests of a switch (`guestServices`), by dnsmasq, which reads all that it knows from files.
#include <string>
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// Where the services of that state directory have their files: "/run/trestle-services", not below the directory that root alone can look
// into, because dnsmasq reads them again when it is root no more.
std::string services_root(const std::string& state_dir);
// To take down the service of a switch whose part cannot be read: its files are told from their directory.
plan::Service service_by_name(const std::string& state_dir, const net::IfName& bridge);

// The service itself, when the network has one. Comes last: it needs the switch's addresses.
void add_service(std::vector<plan::Step>& steps, const SwitchInput& in);
// What it knows of this attachment. Comes last.
void add_guest_host(std::vector<plan::Step>& steps, const AttachmentInput& in);

// Has the host an address on an isolated switch for certain ports or for the service alone? Then it does not reach the pods by it.
bool keeps_host_out(const config::NetConf& conf);
// Rules of the chain that judges what pods send to the host: the service's ports; '$' is the switch. DNS by the switch's own addresses
// alone: another resolver of the host's would lead an isolated guest outside.
std::string service_input(const config::NetConf& conf);
// The sets that those rules name, and their elements.
std::string service_sets(const config::NetConf& conf);
void add_service_addresses(std::vector<plan::Step>& steps, const SwitchInput& in);
// What the host sends to pods of such a switch: answers, and what makes them possible.
std::string service_output(const config::NetConf& conf);

}  // namespace trestle::modes
