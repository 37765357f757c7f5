#include <catch2/catch.hpp>

#include "conf.h"
#include "overlay/frr_text.h"

using namespace trestle;
using namespace trestle::test;
using Catch::Contains;

TEST_CASE("frr.conf: every peer, or the reflectors alone; a reflector serves all", "[overlay][frr]") {
  const auto conf = three(2, "evpn");
  CHECK_THAT(overlay::frr_conf(conf, {}, false),
             Contains("bgp router-id 192.0.2.11") && Contains(" neighbor 192.0.2.12 peer-group NODES") &&
                 Contains(" neighbor 192.0.2.13 peer-group NODES") && Contains("advertise-all-vni") &&
                 !Contains("route-reflector-client"));
  const std::vector<net::Ip> reflectors = {net::Ip::parse("192.0.2.12")};
  CHECK_THAT(overlay::frr_conf(conf, reflectors, false),
             Contains("neighbor 192.0.2.12 ") && !Contains("neighbor 192.0.2.13 "));
  CHECK_THAT(overlay::frr_conf(conf, {}, true),
             Contains("bgp cluster-id 192.0.2.11") && Contains("route-reflector-client"));
}
