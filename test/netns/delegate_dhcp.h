#pragma once
// A DHCP server for 192.0.2.50 to .60 on a link of a namespace, and the daemon of Debian's dhcp plugin on the host.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "support/netns.h"
#include "support/run.h"

namespace trestle::test {

class Dhcp {
 public:
  static bool installed() {
    return ::access("/usr/lib/cni/dhcp", X_OK) == 0 && ::access("/usr/sbin/dnsmasq", X_OK) == 0;
  }
  Dhcp(const base::Fd& netns, const std::string& link) {
    must_run("mkdir -p /run/cni && rm -f /run/cni/dhcp.sock");
    {
      const Inside there(netns);
      must_run("dnsmasq --conf-file=/dev/null --port=0 --interface=" + link +
               " --bind-interfaces --except-interface=lo --dhcp-range=192.0.2.50,192.0.2.60,255.255.255.0,2m "
               "--dhcp-option=3,192.0.2.1 --dhcp-option=6,192.0.2.1 "
               "--dhcp-leasefile=/run/dhcp.leases --pid-file=/run/dnsmasq.pid --no-ping");
    }
    must_run("/usr/lib/cni/dhcp daemon -pidfile /run/dhcp.pid > /run/dhcp.log 2>&1 < /dev/null &");
    must_run("for i in $(seq 50); do [ -S /run/cni/dhcp.sock ] && exit 0; sleep 0.1; done; exit 1");
  }
  ~Dhcp() {
    run("kill $(cat /run/dhcp.pid) $(cat /run/dnsmasq.pid); rm -f /run/dhcp.pid /run/dnsmasq.pid /run/dhcp.leases");
  }
  Dhcp(const Dhcp&) = delete;
  Dhcp& operator=(const Dhcp&) = delete;
  static std::string leases() { return run("cat /run/dhcp.leases").out; }
};

}  // namespace trestle::test
