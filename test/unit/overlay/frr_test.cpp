#include <catch2/catch.hpp>

#include "base/error.h"
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

TEST_CASE("frr.conf: what FRR could do nothing with is refused", "[overlay][frr]") {
  const std::vector<net::Ip> ourselves = {net::Ip::parse("192.0.2.11")};
  const auto refused = [](const config::NetConf& conf, const std::vector<net::Ip>& reflectors, bool reflector) {
    try {
      return overlay::frr_conf(conf, reflectors, reflector);
    } catch (const base::Error& e) {
      CHECK(e.code == base::Code::bad_config);
      return std::string(e.what());
    }
  };
  CHECK_THAT(refused(three(2, "static"), {}, false), Contains("\"control\": \"evpn\""));
  CHECK_THAT(refused(three(2, "evpn"), ourselves, false), Contains("no node but this one"));
  auto alone = three(2, "evpn");
  alone.overlay->here->others.clear();
  CHECK_THAT(refused(alone, {}, false), Contains("no node but this one"));
  CHECK_THAT(refused(alone, {}, true), Contains("no node but this one"));
  const net::Ip twice = net::Ip::parse("192.0.2.12");
  const std::string text = overlay::frr_conf(three(2, "evpn"), {twice, twice}, false);
  CHECK(text.find("neighbor 192.0.2.12 peer-group") == text.rfind("neighbor 192.0.2.12 peer-group"));
}
