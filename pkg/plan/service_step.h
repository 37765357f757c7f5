#pragma once
// The Steps of what guests expect of a virtual switch: addresses by DHCP, routers by RA, names by DNS. Part of plan/step.h.
#include <string>
#include <vector>

#include "net/ifname.h"
#include "net/ip.h"
#include "net/mac.h"

namespace trestle::plan {

// Below the directory of its Step: "networks/1f2e3d4c.conf".
struct ServiceFile {
  std::string name, text;
  bool operator==(const ServiceFile&) const = default;
};

// One dnsmasq for the guests of one switch. `files` is its configuration: dnsmasq.conf, alike for all networks of the switch, and what each
// network adds. undo: it is told to end, by a pidfd, when the process that it was (start time and command line) is there; the directory goes.
// Where another part needs the service, only the files that no other names.
struct Service {
  net::IfName link;
  std::string directory;
  std::string offers;  // for people: "DHCP, RA, DNS"
  std::vector<ServiceFile> files;
  bool operator==(const Service&) const = default;
};

// What such a service knows of one attachment. undo: unlink, and the service forgets.
struct GuestHost {
  std::string directory;  // the Service's
  net::Mac mac;
  std::vector<net::Ip> addresses;
  std::vector<ServiceFile> files;
  bool operator==(const GuestHost&) const = default;
};

}  // namespace trestle::plan
