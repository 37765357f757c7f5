#pragma once
// dnsmasq's files as text. Its ways, tried with 2.90: see service_text.cpp.
#include <string>
#include <vector>

#include "config/netconf.h"
#include "plan/facts.h"

namespace trestle::modes {

inline constexpr const char* kMainFile = "dnsmasq.conf";

// What holds for every network of a switch. `directory`: the service's.
std::string main_text(const config::NetConf& conf, const std::string& directory);
// What this network adds: its subnets and what their guests are told. "" when there is nothing.
std::string network_text(const config::NetConf& conf, std::uint32_t mtu);

// The names of a guest in DNS, first the one that DHCP tells it: of the VM or pod, else of the container. Each is one label, or two for a pod
// with its namespace: no name of a pod's may pass for one of the world outside.
std::vector<std::string> guest_names(const config::GuestServices& guests, const std::string& container);
std::string names_text(const config::GuestServices& guests, const std::vector<std::string>& names,
                       const plan::Lease& lease);
std::string host_text(const std::vector<std::string>& names, const plan::Lease& lease);

}  // namespace trestle::modes
