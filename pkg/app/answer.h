#pragma once
// What a delegated IPAM plugin answered.
#include "app/session.h"
#include "cni/result.h"
#include "config/netconf.h"
#include "store/record.h"

namespace trestle::app {

// What the reference does too: where the switch is the router and the delegate names none, it has the subnet's first address. Throws
// Error{delegate} when there is no room for one.
std::optional<net::Ip> gateway_of(const config::NetConf& conf, const cni::ResultIp& ip);

// The configuration as if these addresses had been written there: all that follows from a subnet follows from them. Throws Error{delegate} naming
// the plugin: an address that no pod can have, or the same one twice.
config::NetConf with_answer(const config::NetConf& conf, const cni::Result& answer);

// Throws Error{held} when another living attachment has one of these addresses of the record's NIC on the same segment, but one of the same VM; on a
// LAN also when it is the host's or its router's. The record, as it is now, has been written: of two at a time at least one sees the other.
void refuse_held(Session& session, const store::Record& record, std::size_t nic, const config::NetConf& conf,
                 const cni::Result& answer);

}  // namespace trestle::app
