#pragma once
#include "config/netconf.h"

namespace trestle::test {

// This node is a, at 192.0.2.11; b and c are its peers.
inline config::NetConf three(int layer, const std::string& control = "static") {
  config::NetConf conf{.cni_version = "1.1.0", .name = "over", .bridge = net::IfName::parse("trover")};
  config::Overlay overlay;
  overlay.vni = 42;
  overlay.layer = layer;
  overlay.control = control;
  const auto peer = [](const char* vtep, const char* v4, const char* v6, const char* node) {
    return config::Peer{net::Ip::parse(vtep), {net::Cidr::parse(v4), net::Cidr::parse(v6)}, node};
  };
  overlay.here = config::Here{
      net::Ip::parse("192.0.2.11"),
      net::IfName::parse("eth0"),
      1450,
      "a",
      {peer("192.0.2.12", "10.51.2.0/24", "fd51:2::/64", "b"), peer("192.0.2.13", "10.51.3.0/24", "fd51:3::/64", "")}};
  conf.overlay = overlay;
  conf.mtu = 1450;
  return conf;
}

}  // namespace trestle::test
