#include <catch2/catch.hpp>

#include "kernel/conntrack_list.h"

using trestle::kernel::lists_udp_to;

namespace {
constexpr const char* kList =
    "ipv4     2 tcp      6 431999 ESTABLISHED src=192.0.2.9 dst=192.0.2.1 sport=40000 dport=53 src=192.0.2.1 "
    "dst=192.0.2.9 sport=53 "
    "dport=40000 [ASSURED] mark=0 zone=0 use=2\n"
    "ipv6     10 udp      17 29 src=2001:0db8:0000:0000:0000:0000:0000:0009 "
    "dst=2001:0db8:0000:0000:0000:0000:0000:0001 sport=40001 dport=5353 "
    "[UNREPLIED] src=2001:0db8:0000:0000:0000:0000:0000:0001 dst=2001:0db8:0000:0000:0000:0000:0000:0009 sport=5353 "
    "dport=40001 mark=0 zone=0 "
    "use=2\n"
    "ipv4     2 icmp     1 29 src=192.0.2.9 dst=192.0.2.1 type=8 code=0 id=53 src=192.0.2.1 dst=192.0.2.9 type=0 "
    "code=0 id=53 mark=0 use=2\n";
}  // namespace

TEST_CASE("the kernel's list of connections tells whether there is a UDP flow to a port", "[kernel][conntrack]") {
  CHECK(lists_udp_to(kList, {5353}));
  CHECK(lists_udp_to(kList, {1, 40001}));          // the other direction: asked for nothing, by netlink
  CHECK_FALSE(lists_udp_to(kList, {53}));          // TCP
  CHECK_FALSE(lists_udp_to(kList, {535, 53535}));  // the whole number
  CHECK_FALSE(lists_udp_to(kList, {}));
  CHECK_FALSE(lists_udp_to("", {53}));
  CHECK(lists_udp_to("ipv4 2 udp 17 29 dport=1 dport=53", {53}));  // without an end of line
  CHECK_FALSE(lists_udp_to("x udp  dport= dport=99999 dport=-1\n\n", {1, 53}));
}
