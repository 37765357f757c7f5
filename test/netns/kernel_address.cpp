#include <catch2/catch.hpp>
#include <cerrno>

#include "kernel/address.h"
#include "kernel_world.h"

namespace trestle::test {

namespace {

using namespace trestle::kernel;

std::vector<std::string> texts(const std::vector<net::Cidr>& all) {
  std::vector<std::string> out;
  for (const net::Cidr& cidr : all) out.push_back(cidr.str());
  return out;
}

TEST_CASE("an address is there with its prefix, broadcast and, for IPv6, usable at once", "[kernel][address]") {
  World w;
  w.make_bridge();
  w.make_veth();
  w.set_all_up();
  const auto index = w.index_of(w.inner, kPodEnd);
  for (const char* text : {"10.88.0.2/16", "10.99.0.0/31", "10.99.0.9/32", "fd88::2/64", "fd99::9/128"})
    add_address(w.batch, index, net::Cidr::parse(text), false, text);
  w.inner.send_or_throw(w.batch);
  const std::string seen = w.pod.must_exec("ip addr show dev eth0");
  CHECK(seen.find("inet 10.88.0.2/16 brd 10.88.255.255 scope global eth0") != std::string::npos);
  CHECK(seen.find("inet 10.99.0.0/31 scope global eth0") != std::string::npos);
  CHECK(seen.find("inet 10.99.0.9/32 scope global eth0") != std::string::npos);
  CHECK(seen.find("inet6 fd88::2/64 scope global nodad") != std::string::npos);
  CHECK(seen.find("inet6 fd88::2/64 scope global tentative") == std::string::npos);
  const auto found = texts(addresses(w.inner, index));
  for (const char* text : {"10.88.0.2/16", "10.99.0.0/31", "10.99.0.9/32", "fd88::2/64", "fd99::9/128"}) {
    CAPTURE(text);
    CHECK(std::count(found.begin(), found.end(), text) == 1);
  }
}

TEST_CASE("the same address twice is refused, unless it was to be ensured", "[kernel][address]") {
  World w;
  w.make_bridge();
  const auto index = w.index_of(w.outer, kBridge);
  const net::Cidr cidr = net::Cidr::parse(GENERATE(as<std::string>{}, "10.88.0.1/16", "fd88::1/64"));
  add_address(w.batch, index, cidr, false, "first");
  add_address(w.batch, index, cidr, true, "again");
  CHECK(w.outer.send(w.batch).empty());
  add_address(w.batch, index, cidr, false, "twice");
  const auto refused = w.outer.send(w.batch);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].err == EEXIST);
}

TEST_CASE("deleting an address leaves the others; absent, or its link gone, is fine", "[kernel][address]") {
  World w;
  w.make_bridge();
  const auto index = w.index_of(w.outer, kBridge);
  for (const char* text : {"10.88.0.1/16", "10.77.0.1/16", "fd88::1/64", "fd77::1/64"})
    add_address(w.batch, index, net::Cidr::parse(text), false, text);
  w.outer.send_or_throw(w.batch);
  for (int i = 0; i < 2; ++i) {
    delete_address(w.batch, index, net::Cidr::parse("10.88.0.1/16"), "v4");
    delete_address(w.batch, index, net::Cidr::parse("fd88::1/64"), "v6");
    CHECK(w.outer.send(w.batch).empty());
  }
  auto left = texts(addresses(w.outer, index));
  left.erase(
      std::remove_if(left.begin(), left.end(), [](const std::string& text) { return text.rfind("fe80", 0) == 0; }),
      left.end());
  CHECK(left == std::vector<std::string>{"10.77.0.1/16", "fd77::1/64"});
  must_run("ip link del tr0");
  for (const char* text : {"10.77.0.1/16", "fd77::1/64"}) delete_address(w.batch, index, net::Cidr::parse(text), text);
  CHECK(w.outer.send(w.batch).empty());
  CHECK(addresses(w.outer, index).empty());
}

TEST_CASE("a list of addresses is one link's, or all", "[kernel][address]") {
  World w;
  w.make_bridge();
  must_run("ip addr add 10.1.0.1/24 dev tr0 && ip addr add 10.2.0.1 peer 10.2.0.2/32 dev tr0");
  must_run("ip link add other type bridge && ip addr add 10.3.0.1/24 dev other");
  CHECK(texts(addresses(w.outer, w.index_of(w.outer, net::IfName::parse("other")))) ==
        std::vector<std::string>{"10.3.0.1/24"});
  const auto all = texts(addresses(w.outer, 0));
  for (const char* text : {"127.0.0.1/8", "10.1.0.1/24", "10.2.0.1/32", "10.3.0.1/24", "::1/128"}) {
    CAPTURE(text);
    CHECK(std::count(all.begin(), all.end(), text) == 1);
  }
}

TEST_CASE("without IPv6 on a link its addresses are none, and an IPv6 one is refused with its name",
          "[kernel][address]") {
  World w;
  w.make_bridge();
  must_run("ip addr add 10.1.0.1/24 dev tr0 && sysctl -qw net.ipv6.conf.tr0.disable_ipv6=1");
  const auto index = w.index_of(w.outer, kBridge);
  CHECK(texts(addresses(w.outer, index)) == std::vector<std::string>{"10.1.0.1/24"});
  add_address(w.batch, index, net::Cidr::parse("fd88::1/64"), false, "host:tr0: address fd88::1/64");
  const auto refused = w.outer.send(w.batch);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].label.rfind("host:tr0: address fd88::1/64", 0) == 0);
  delete_address(w.batch, index, net::Cidr::parse("fd88::1/64"), "absent");
  CHECK(w.outer.send(w.batch).empty());
}

}  // namespace

}  // namespace trestle::test
