// What a limit is made of: CHECK and repair after each outside change, DEL, GC, ADDs that are killed, what is not ours.
#include <catch2/catch.hpp>

#include "shape_conf.h"
#include "support/frame.h"
#include "support/run.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

struct Change {
  const char* what;
  const char* command;  // $LINK: the host link; $IFB: its ifb
  const char* told;
  bool mends = true;
};

void replace(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from))
    text.replace(at, from.size(), to);
}

std::string ifb_of(const std::string& link) { return "ifb" + link.substr(4); }

std::string with_links(std::string text, const std::string& link) {
  replace(text, "$LINK", link);
  replace(text, "$IFB", ifb_of(link));
  return text;
}

const Change kChanges[] = {
    {"no limit for what the pod receives", "tc qdisc del dev $LINK root", "the limit of $LINK is gone"},
    {"another rate", "tc qdisc change dev $LINK root tbf rate 30mbit burst 200000 limit 262500",
     "the limit of $LINK is 3750000 byte/s"},
    {"another burst", "tc qdisc change dev $LINK root tbf rate 20mbit burst 100000 limit 262500", "burst 100000 byte"},
    {"another limit", "tc qdisc change dev $LINK root tbf rate 20mbit burst 200000 limit 262501", "limit 262501 byte"},
    {"another's qdisc on the pod's link", "tc qdisc del dev $LINK root && tc qdisc add dev $LINK root handle 5: htb",
     "the root qdisc of $LINK is 'htb 5:', not ours", false},
    {"another's token bucket",
     "tc qdisc del dev $LINK root && tc qdisc add dev $LINK root handle 7: tbf rate 20mbit burst 200000 limit 262500",
     "the root qdisc of $LINK is 'tbf 7:', not ours", false},
    {"no limit for what the pod sends", "tc qdisc del dev $IFB root", "the limit of $IFB is gone"},
    {"another rate of the ifb", "tc qdisc change dev $IFB root tbf rate 1mbit burst 200000 limit 231250",
     "the limit of $IFB is 125000 byte/s"},
    {"another's qdisc on the ifb", "tc qdisc del dev $IFB root && tc qdisc add dev $IFB root handle 6: htb",
     "the root qdisc of $IFB is 'htb 6:', not ours", false},
    {"ifb down", "ip link set $IFB down", "$IFB is down"},
    {"ifb deleted", "ip link del $IFB", "$IFB is gone"},
    {"filter deleted", "tc filter del dev $LINK parent ffff:", "the redirect to $IFB is gone"},
    {"ingress qdisc deleted", "tc qdisc del dev $LINK ingress", "the redirect to $IFB is gone"},
    {"redirect to another link",
     "ip link add other0 type ifb && tc filter del dev $LINK parent ffff: && tc filter add dev $LINK parent ffff: "
     "protocol all prio 29810 u32 match u32 0 0 action mirred egress redirect dev other0",
     "the redirect to $IFB is gone"},
    {"another's ingress qdisc", "tc qdisc del dev $LINK ingress && tc qdisc add dev $LINK clsact",
     "the redirect to $IFB is gone", false},
};

// The limits are on the same links as ever, and their numbers are these.
void check_qdiscs(const std::string& link, const std::string& ingress, const std::string& egress) {
  CHECK_THAT(must_run("tc qdisc show dev " + link), Contains("tbf 7472: root") && Contains("rate " + ingress));
  CHECK_THAT(must_run("tc qdisc show dev " + link), Contains("qdisc ingress ffff:"));
  CHECK_THAT(must_run("tc qdisc show dev " + ifb_of(link)), Contains("tbf 7472: root") && Contains("rate " + egress));
}

Ran under_strace(const Node& node, const std::string& verb, const Pod& pod, const json& conf,
                 const std::string& inject) {
  return start({{"/bin/sh", "-c",
                 "exec strace -f -qq -o /dev/null -e trace=sendto -e inject=" + inject + " " + trestle_program()},
                {{"CNI_COMMAND", verb},
                 {"CNI_CONTAINERID", pod.name()},
                 {"CNI_NETNS", pod.path()},
                 {"CNI_IFNAME", "eth0"},
                 {"CNI_PATH", "/nonexistent"},
                 {"TRESTLE_STATE_DIR", node.state()},
                 {"PATH", "/usr/bin:/bin"}},
                conf.dump(),
                60'000});
}

const json kConf = limited(limits(20 * kMbit, 50 * kMbit));

}  // namespace

TEST_CASE("CHECK names the one part of a limit that a foreign hand changed, and repair mends it", "[shape][check]") {
  const Node node;
  const Pod pod("c1");
  for (const Change& change : kChanges) {
    CAPTURE(change.what);
    const Answer added = node.must_add(pod, kConf);
    const std::string link = host_link_of(added);
    REQUIRE(told(node.check(pod, added, kConf)) == "0 ");
    must_run(with_links(change.command, link));
    const Answer checked = node.check(pod, added, kConf);
    CHECK(checked.code() == 105);
    const std::string details = checked.json.value("details", "");
    CHECK_THAT(details, Contains("host:" + link + ": bandwidth") && Contains(with_links(change.told, link)));
    CHECK(details.find('\n') == std::string::npos);
    const Ran repaired = node.command({"repair"});
    CAPTURE(repaired.out, repaired.err);
    CHECK(repaired.ok() == change.mends);
    CHECK(node.check(pod, added, kConf).ok() == change.mends);
    if (change.mends)
      check_qdiscs(link, "20Mbit", "50Mbit");
    else
      CHECK_THAT(repaired.out + repaired.err, Contains("which is not ours and so not replaced"));
    node.must_del(pod, kConf);
    must_run("ip link del other0 2>/dev/null || true");
    CHECK(node.left() == kNothing);
  }
}

TEST_CASE("the limits are on the host's side, in every mode, and nothing of them in the pod", "[shape]") {
  const Node node;
  must_run("ip link add br-lan type bridge && ip link set br-lan up");
  const json mode = GENERATE(json{{"mode", "nat"}}, json{{"mode", "routed"}}, json{{"mode", "isolated"}},
                             json{{"mode", "bridge"}, {"bridge", "br-lan"}});
  CAPTURE(mode.dump());
  const json conf = limited(limits(20 * kMbit, 50 * kMbit), mode);
  const Pod pod("c1");
  const Answer added = node.must_add(pod, conf);
  check_qdiscs(host_link_of(added), "20Mbit", "50Mbit");
  CHECK(added.json.at("interfaces").size() == 3);
  CHECK(told(node.check(pod, added, conf)) == "0 ");
  CHECK(pod.must_exec("tc qdisc show dev eth0").find("tbf") == std::string::npos);
  node.must_del(pod, conf);
  CHECK(run("ip -br link show type ifb").out == "");
  must_run("ip link del br-lan");
  CHECK(node.left() == kNothing);
}

TEST_CASE("a limit one way makes nothing for the other; none at all makes nothing", "[shape]") {
  const Node node;
  const Pod pod("c1");
  const std::string in = host_link_of(node.must_add(pod, limited(limits(8 * kMbit, 0))));
  CHECK(run("ip -br link show type ifb").out == "");
  CHECK(must_run("tc qdisc show dev " + in).find("ingress") == std::string::npos);
  node.must_del(pod);
  const std::string out = host_link_of(node.must_add(pod, limited(limits(0, 8 * kMbit))));
  CHECK(must_run("tc qdisc show dev " + out).find("tbf") == std::string::npos);
  CHECK_THAT(must_run("tc qdisc show dev " + ifb_of(out)), Contains("rate 8Mbit"));
  node.must_del(pod);
  const std::string none = host_link_of(node.must_add(pod, limited(limits(0, 0))));
  CHECK(must_run("tc qdisc show dev " + none).find("noqueue") != std::string::npos);
  node.must_del(pod);
  CHECK(node.left() == kNothing);
}

TEST_CASE("the widest and the narrowest limits are what the kernel then has", "[shape]") {
  const Node node;
  const Pod pod("c1");
  const auto [rate, burst, told_rate] = GENERATE(table<std::uint64_t, std::uint64_t, std::string>({
      {8, 8, "8bit"},
      {1000, 34359738360, "1Kbit"},
      {34359738360, 4294967295, "34359Mbit"},
      {40000000000, 34359738360, "40Gbit"},
      {1000000000000, 8, "1Tbit"},
  }));
  CAPTURE(rate, burst);
  const json conf = limited(limits(rate, rate, burst));
  const Answer added = node.must_add(pod, conf);
  check_qdiscs(host_link_of(added), told_rate, told_rate);
  CHECK(told(node.check(pod, added, conf)) == "0 ");
  node.must_del(pod, conf);
  CHECK(node.left() == kNothing);
}

TEST_CASE("an ifb of that name that is not ours is left, and the ADD says so and leaves nothing", "[shape]") {
  const Node node;
  const Pod pod("c1");
  const std::string link = host_link_of(node.must_add(pod, kConf));
  node.must_del(pod, kConf);
  must_run("ip link add " + ifb_of(link) + " type ifb");
  const Answer refused = node.add(pod, kConf);
  CHECK(refused.code() == 103);
  CHECK_THAT(refused.json.value("msg", ""), Contains(ifb_of(link)) && Contains("not ours"));
  CHECK(run("ip link show dev " + ifb_of(link)).ok());
  CHECK_FALSE(run("ip link show dev " + link).ok());
  must_run("ip link del " + ifb_of(link));
  node.must_del(pod, kConf);
  CHECK(node.left() == kNothing);
}

TEST_CASE("without its store an ifb goes with DEL, with GC, or is taken over by the next ADD", "[shape][gc]") {
  const Node node;
  Pod pod("c1"), other("c2");
  const std::string link = host_link_of(node.must_add(pod, kConf));
  const std::string kept = host_link_of(node.must_add(other, kConf));
  must_run("rm -rf " + node.state());
  SECTION("DEL") { CHECK(told(node.del(pod, kConf)) == "0 "); }
  SECTION("GC that knows the other") { CHECK(node.gc({{{"containerID", "c2"}, {"ifname", "eth0"}}}).ok()); }
  SECTION("ADD") {
    pod.exec("ip link del eth0");
    const Answer again = node.add(pod, kConf);
    CAPTURE(told(again));
    REQUIRE(again.ok());
    CHECK(node.check(pod, again, kConf).ok());
    node.must_del(pod, kConf);
  }
  CHECK_FALSE(run("ip link show dev " + ifb_of(link)).ok());
  CHECK(run("ip link show dev " + ifb_of(kept)).ok());
  CHECK(node.gc(json::array()).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("a pod that went without a DEL leaves no ifb: GC, and the ADDs that follow", "[shape][gc]") {
  const Node node;
  const Pod next("next");
  std::string link;
  {
    const Pod gone("gone");
    link = host_link_of(node.must_add(gone, kConf));
  }
  wait_gone(link);
  CHECK(run("ip link show dev " + ifb_of(link)).ok());
  if (GENERATE(true, false)) {
    CHECK(node.gc(json::array()).ok());
  } else {
    node.must_add(next, kConf);
    CHECK_FALSE(run("ip link show dev " + ifb_of(link)).ok());
    node.must_del(next, kConf);
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("an ADD or DEL that is killed at any message to the kernel leaves nothing after the next DEL or GC",
          "[shape][kill]") {
  SKIP_IF(!run("command -v strace").ok(), "strace is not installed");
  const Node node;
  const Pod pod("c1");
  const std::string verb = GENERATE("ADD", "DEL");
  CAPTURE(verb);
  int k = 0;
  for (int status = 137; status == 137 && k < 100;) {
    CAPTURE(++k);
    if (verb == "DEL") node.must_add(pod, kConf);
    status = under_strace(node, verb, pod, kConf, "sendto:signal=KILL:when=" + std::to_string(k)).status;
    const Answer ended = k % 2 != 0 ? node.del(pod, kConf) : node.gc(json::array());
    CAPTURE(told(ended));
    REQUIRE(ended.ok());
    REQUIRE(node.left() == kNothing);
  }
  CHECK(k > 8);
  CHECK(k < 100);
}
