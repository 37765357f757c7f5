#pragma once
// Attachments whose addresses another IPAM plugin gives: link first (a DHCP client needs it), then addresses.
#include <string>
#include <vector>

#include "app/attach.h"
#include "store/record.h"

namespace trestle::app {

// As attach(), with everything undone, the delegate's lease too, when it throws. No lock is held while the delegate runs, not `pod` either.
void add_delegated(Session& session, const Job& job, const Print& print, Trail& trail, store::Lock& pod);

// Does another plugin give addresses to any of the call's NICs?
bool has_delegate(const config::NetConf& conf);

// What the configuration names, with what the call brought along.
std::optional<plan::Delegate> called(const std::optional<plan::Delegate>& delegate, const cni::Request& request);

// By the names of the NICs; `ifname`: the first one's.
std::vector<store::Delegated> delegates_of(const config::NetConf& conf, const cni::Request& request);
std::vector<store::Delegated> delegates_of(const config::Minimal& conf, const cni::Request& request,
                                           const std::string& ifname);

// The DELs of the record's delegates, if it has any; where one is refused, that NIC's of `present`: somebody mended the configuration. Returns
// why they failed.
std::vector<std::string> give_lease_back(const store::Record& record,
                                         const std::vector<store::Delegated>& present = {});

}  // namespace trestle::app
