#pragma once
// The other attachments of the same pod: Multus makes one call for each NIC.
#include <string>
#include <vector>

#include "app/session.h"
#include "config/netconf.h"
#include "net/ip.h"
#include "net/names.h"

namespace trestle::app {

// A NIC of another attachment of that container, under the name that it was made with.
struct Sibling {
  net::Owner owner;
  net::IfName nic;
};

// A way outside that the pod has already, by a link that is none of this call's.
struct WayOut {
  net::Family family;
  net::IfName link;
  std::string network;  // "": none of ours
};

struct PodNow {
  std::vector<Sibling> siblings;
  std::vector<WayOut> ways_out;
};

// The session's context is in the pod. Nobody but the call's own NICs counts whose addresses are a guest's, or another plugin's.
PodNow look_around(Session& session, const net::Owner& owner, const config::NetConf& conf);
// What follows of it for the call's NICs: a table for each, if there are others. Throws Error{held} when one asks in so many words for a default
// route that the pod has by another NIC, which is named.
void fit_in(config::NetConf& conf, const PodNow& pod, const std::string& ifname);

// A pod that gets a second NIC answers by the one that it was asked on, so each of the first ones gets its table and its rules, as NICs of one
// call have them: they are put to its record, and then made. Not where `sourceRouting` is false or the addresses are not in the pod. The
// caller holds the pod. What the kernel refuses is logged: CHECK of that NIC tells it, and repair makes it.
void give_tables(Session& session, const std::vector<Sibling>& siblings);
// The same of what their records have already: an ADD may have been killed in between. The pod is that of `record`.
void mend_tables(Session& session, const store::Record& record) noexcept;

}  // namespace trestle::app
