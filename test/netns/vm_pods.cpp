// Two pods of one VM, on one node and on two: the lease and the MAC are the VM's.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>

#include "nat_guest.h"
#include "publish_conf.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

Node::Env launcher(const std::string& vm, const std::string& end, const std::string& space = "prod") {
  return {{"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=" + space + ";K8S_POD_NAME=virt-launcher-" + vm + "-" + end}};
}

// IPv4 alone: what the pod's kernel says of itself in IPv6 is not the guest's.
json v4_conf(const json& members = json::object()) {
  json conf{{"cniVersion", "1.1.0"}, {"name", "demo"}, {"type", "trestle"}, {"subnets", {"10.88.0.0/16"}}};
  conf.update(members);
  return conf;
}

json v4_publishing() {
  return v4_conf(
      {{"capabilities", {{"portMappings", true}}}, {"runtimeConfig", {{"portMappings", both_protocols(8080)}}}});
}

// On the same switch, and of the same configuration: nothing published.
json v4_quiet() {
  json conf = v4_publishing();
  conf["runtimeConfig"]["portMappings"] = json::array();
  return conf;
}

// The port that the switch sends frames for this MAC to; "" when it would have to ask.
std::string port_of(const std::string& mac) {
  const std::string text = must_run("bridge fdb show br trdemo | grep -i '^" + mac + "' || true");
  const auto dev = text.find("dev ");
  return dev == std::string::npos ? "" : text.substr(dev + 4, text.find(' ', dev + 4) - dev - 4);
}

std::string elements() { return must_run("nft list map inet trestle dnat4"); }

}  // namespace

TEST_CASE("two pods of one VM on one node: one address, one MAC, and whichever goes first the other lives on", "[vm]") {
  const bool source_first = GENERATE(true, false);
  CAPTURE(source_first);
  Node node;
  const Lan lan(node.host());
  node.settle();
  const json conf = v4_publishing();
  const Guest neighbour(node, "n", v4_quiet());
  const Guest source(node, "a", conf, launcher("web", "aaaaa"));
  check_reaches(neighbour.netns(), source.ip4(), neighbour.ip4());
  CHECK(port_of(source.mac()) == source.host_link());
  const Guest target(node, "b", conf, launcher("web", "bbbbb"));
  CHECK(target.ip4() == source.ip4());
  CHECK(target.mac() == source.mac());
  CHECK(neighbour.ip4() != source.ip4());
  // The second pod draws nothing to it before the guest speaks there.
  CHECK(port_of(source.mac()) == source.host_link());
  for (const Guest* guest : {&source, &target}) {
    const Answer checked = node.check(guest->pod(), guest->added(), conf);
    CHECK(told(checked) == "0 ");
  }
  const json list = json::parse(node.command({"ps", "--json"}).out);
  CHECK(std::count_if(list.begin(), list.end(), [](const json& one) { return one.value("vm", "") == "prod/web"; }) ==
        2);

  const Guest &first = source_first ? source : target, &left = source_first ? target : source;
  first.leave();
  first.leave();  // a DEL comes twice
  // The guest's first frame from where it is now.
  CHECK(ping(left.netns(), neighbour.ip4()) == Reach::connected);
  CHECK(port_of(left.mac()) == left.host_link());
  check_reaches(neighbour.netns(), left.ip4(), neighbour.ip4());
  for (int port : {8080}) {
    CHECK(tcp_talk(lan.netns(), Lan::kHost4, port).reach == Reach::connected);
    CHECK(udp_talk(lan.netns(), Lan::kHost4, port).reach == Reach::connected);
  }
  CHECK(told(node.check(left.pod(), left.added(), conf)) == "0 ");
  // Guarded as ever.
  Wire wire(left.netns(), "eth0"), at_neighbour(neighbour.netns(), "eth0");
  wire.send(ethernet("ff:ff:ff:ff:ff:ff", left.mac(), kEthArp,
                     arp(1, left.mac(), "10.88.7.7", "00:00:00:00:00:00", neighbour.ip4())));
  wire.send(ethernet("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:99", kEthArp,
                     arp(1, "02:00:00:00:00:99", left.ip4(), "00:00:00:00:00:00", neighbour.ip4())));
  CHECK_FALSE(at_neighbour
                  .wait(
                      [&](const Frame& frame) {
                        return frame.bytes.find(ip_bytes("10.88.7.7")) != std::string::npos ||
                               frame.bytes.find(mac_bytes("02:00:00:00:00:99")) != std::string::npos;
                      },
                      300)
                  .has_value());
  leave_nothing(node, {&left, &neighbour});
}

TEST_CASE("a VM that restarts has its MAC and its address again; no other VM gets them meanwhile", "[vm]") {
  const Node node;
  const json conf = v4_conf();
  std::string ip, mac;
  {
    const Guest before(node, "a", conf, launcher("web", "aaaaa"));
    ip = before.ip4();
    mac = before.mac();
    const Pod other("o");
    json wants_ip = conf, wants_mac = conf;
    wants_ip["runtimeConfig"] = {{"ips", {ip}}};
    wants_mac["runtimeConfig"] = {{"mac", mac}};
    for (const json& wants : {wants_ip, wants_mac}) {
      for (const Node::Env& env : {launcher("db", "aaaaa"), launcher("web", "aaaaa", "test"), Node::Env{}}) {
        const Answer refused = node.add(other, wants, env);
        CHECK(refused.code() == 103);
        CHECK_THAT(refused.json.value("msg", ""), Contains("demo/a/eth0"));
      }
      const Answer same = node.must_add(other, wants, launcher("web", "ccccc"));
      CHECK(addresses_of(same).at(0) == ip);
      CHECK(mac_of(same) == mac);
      node.must_del(other, wants);
    }
    before.leave();
  }
  const Guest others[] = {{node, "p", conf}, {node, "q", conf}};
  for (const Guest& other : others) CHECK(other.ip4() != ip);
  const Guest after(node, "b", conf, launcher("web", "bbbbb"));
  CHECK(after.ip4() == ip);
  CHECK(after.mac() == mac);
  CHECK(ping(after.netns(), others[0].ip4()) == Reach::connected);
  leave_nothing(node, {&after, &others[0], &others[1]});
}

TEST_CASE("args.cni.vm names the VM of a pod that is not KubeVirt's", "[vm]") {
  const Node node;
  const json web = v4_conf({{"args", {{"cni", {{"vm", "web"}}}}}});
  const Guest a(node, "a", web), b(node, "b", web), c(node, "c", v4_conf());
  CHECK(a.ip4() == b.ip4());
  CHECK(a.mac() == b.mac());
  CHECK(c.ip4() != a.ip4());
  const Pod bad("d");
  CHECK(node.add(bad, v4_conf({{"args", {{"cni", {{"vm", "two words"}}}}}})).code() == 7);
  leave_nothing(node, {&a, &b, &c});
}

TEST_CASE("the ports of a VM change with its restart: each pod has its own, and what both lead to stays marked",
          "[vm]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  json old_ports = v4_publishing(), new_ports = v4_publishing();
  old_ports["runtimeConfig"]["portMappings"] = {mapping(8080, kEcho, "tcp"), mapping(8081, kEcho, "tcp")};
  new_ports["runtimeConfig"]["portMappings"] = {mapping(8081, kEcho, "tcp"), mapping(8082, kEcho, "tcp")};
  const Guest source(node, "a", old_ports, launcher("web", "aaaaa"));
  const Guest target(node, "b", new_ports, launcher("web", "bbbbb"));
  source.leave();
  CHECK(ping(target.netns(), "10.88.0.1") == Reach::connected);
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080, 500).reach != Reach::connected);
  for (const int port : {8081, 8082}) {
    CHECK(tcp_talk(lan.netns(), Lan::kHost4, port).reach == Reach::connected);
    CHECK(tcp_talk(target.netns(), "10.88.0.1", port).reach == Reach::connected);  // by itself: only what is marked
  }
  CHECK(told(node.check(target.pod(), target.added(), new_ports)) == "0 ");
  // The port of the host that leads elsewhere for the VM's other pod is held, as by anyone.
  json elsewhere = new_ports;
  elsewhere["runtimeConfig"]["portMappings"] = {mapping(8082, 8, "tcp")};
  const Pod third("c");
  CHECK(node.add(third, elsewhere, launcher("web", "ccccc")).code() == 103);
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8082).reach == Reach::connected);
  leave_nothing(node, {&target});
}

TEST_CASE("an ADD that fails and a GC take nothing from the VM's other pod, and a GC of both takes all", "[vm]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const json conf = v4_publishing();
  const Guest source(node, "a", conf, launcher("web", "aaaaa"));
  {
    const Pod taken("t");
    taken.must_exec("ip link add eth0 type bridge");  // the ADD fails where the link is made
    CHECK_FALSE(node.add(taken, conf, launcher("web", "ttttt")).ok());
  }
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080).reach == Reach::connected);
  const Guest target(node, "b", conf, launcher("web", "bbbbb"));
  const json valid{{"containerID", "b"}, {"ifname", "eth0"}};
  CHECK(told(node.gc({valid})) == "0 ");
  CHECK(node.records().size() == 1);
  CHECK(ping(target.netns(), "10.88.0.1") == Reach::connected);
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080).reach == Reach::connected);
  const Guest third(node, "c", conf, launcher("web", "ccccc"));
  CHECK(told(node.gc(json::array())) == "0 ");
  must_run("echo 0 > /proc/sys/net/ipv4/ip_forward");
  CHECK(node.left() == kNothing);
}

TEST_CASE("routed with proxyArp: the host answers for the VM until its last pod is gone", "[vm]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const json conf = v4_conf({{"mode", "routed"}, {"uplink", "uplink0"}, {"proxyArp", true}});
  const Guest source(node, "a", conf, launcher("web", "aaaaa")), target(node, "b", conf, launcher("web", "bbbbb"));
  source.leave();
  CHECK_THAT(must_run("ip neigh show proxy"), Contains(target.ip4()));
  target.leave();
  CHECK_THAT(must_run("ip neigh show proxy"), !Contains(target.ip4()));
}

TEST_CASE("a flush between two pods of a VM heals with the published port of both", "[vm]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const json conf = v4_publishing();
  const Guest source(node, "a", conf, launcher("web", "aaaaa")), target(node, "b", conf, launcher("web", "bbbbb"));
  must_run("nft flush ruleset");
  const Guest other(node, "c", v4_quiet());
  CHECK_THAT(elements(), Contains(source.ip4()));
  must_run("nft flush ruleset");
  CHECK(node.command({"repair"}).ok());
  source.leave();
  CHECK(ping(target.netns(), "10.88.0.1") == Reach::connected);
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080).reach == Reach::connected);
  must_run("nft flush ruleset");
  leave_nothing(node, {&target, &other});
}

TEST_CASE("two nodes on one LAN: the VM has its MAC and its address on both, and the source's DEL is late or early",
          "[vm]") {
  const bool early = GENERATE(true, false);
  CAPTURE(early);
  Node node;
  const trestle::base::Fd second = new_netns();
  const std::string there = "/proc/$PPID/fd/" + std::to_string(second.get());
  must_run("ip link add eth1 type veth peer name eth1 netns \"" + there +
           "\" && echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6 && ip link set eth1 up");
  {
    const Inside inside(second);
    must_run("ip link set lo up && ip link set eth1 up");
  }
  node.settle();
  const json conf = v4_conf({{"mode", "bridge"}, {"uplink", "eth1"}});
  const std::string state = node.state() + "-second";
  const auto on_second = [&](Node::Env env) {
    env["TRESTLE_STATE_DIR"] = state;
    return env;
  };
  const Guest neighbour(node, "n", conf), source(node, "a", conf, launcher("web", "aaaaa"));
  CHECK(ping(source.netns(), neighbour.ip4()) == Reach::connected);
  const Pod target("b");
  Answer added;
  {
    const Inside inside(second);
    added = node.must_add(target, conf, on_second(launcher("web", "bbbbb")));
  }
  CHECK(addresses_of(added).at(0) == source.ip4());
  CHECK(mac_of(added) == source.mac());
  CHECK(port_of(source.mac()) == source.host_link());
  CHECK(ping(neighbour.netns(), source.ip4()) == Reach::connected);
  if (early) source.leave();
  CHECK(ping(target.netns(), neighbour.ip4()) == Reach::connected);
  CHECK(port_of(source.mac()) == "eth1");
  if (!early) source.leave();
  CHECK(port_of(source.mac()) == "eth1");
  CHECK(ping(neighbour.netns(), source.ip4()) == Reach::connected);
  {
    const Inside inside(second);
    node.must_del(target, conf, on_second({}));
    must_run("rm -rf " + state);
  }
  leave_nothing(node, {&neighbour});
}

// Both had one address, and the guest that moved spoke by a MAC that the target's guard dropped.
TEST_CASE("a second pod of a VM that asks for another MAC is refused while the first lives", "[vm]") {
  Node node;
  const Pod first("p1"), second("p2");
  const auto asking = [](const std::string& end, const std::string& mac) {
    Node::Env env = launcher("web", end);
    env.begin()->second += ";MAC=" + mac;
    return env;
  };
  const std::string address = addresses_of(node.must_add(first, v4_conf(), asking("aaaaa", "02:00:00:00:00:01"))).at(0);
  const Answer refused = node.add(second, v4_conf(), asking("bbbbb", "02:00:00:00:00:02"));
  CHECK(refused.code() == 103);
  CHECK_THAT(told(refused), Contains("prod/virt-launcher-web-aaaaa") && Contains("02:00:00:00:00:01"));
  const Answer same = node.must_add(second, v4_conf(), asking("bbbbb", "02:00:00:00:00:01"));
  CHECK(addresses_of(same).at(0) == address);
  node.must_del(first, v4_conf());
  node.must_del(second, v4_conf());
  must_run("echo 0 > /proc/sys/net/ipv4/ip_forward");
  CHECK(node.left() == kNothing);
}

TEST_CASE("twenty VMs migrate at once on one node and leave nothing", "[vm][parallel]") {
  constexpr std::size_t kVms = 20, kRounds = 3;
  const Node node;
  const json conf = v4_publishing();
  std::vector<std::unique_ptr<Pod>> pods;
  for (std::size_t i = 0; i < 2 * kVms; ++i) pods.push_back(std::make_unique<Pod>("p" + std::to_string(i)));
  std::vector<std::string> wrong(kVms);
  std::vector<std::thread> threads;
  for (std::size_t vm = 0; vm < kVms; ++vm)
    threads.emplace_back([&, vm] {
      json mine = conf;
      mine["runtimeConfig"]["portMappings"] = both_protocols(9000 + static_cast<int>(vm));
      const std::string name = "vm" + std::to_string(vm);
      std::string ip, mac;
      const auto use = [&](const Answer& answer, bool an_add) {
        if (!answer.ok()) wrong[vm] += told(answer);
        if (!answer.ok() || !an_add) return;
        if (ip.empty()) {
          ip = addresses_of(answer).at(0);
          mac = mac_of(answer);
        }
        if (ip != addresses_of(answer).at(0) || mac != mac_of(answer)) wrong[vm] += name + ": another address or MAC ";
      };
      // The source's DEL and the target's ADD at the same time, to and fro.
      use(node.add(*pods[vm], mine, launcher(name, "00000")), true);
      for (std::size_t round = 0; round < kRounds; ++round) {
        const Pod &source = *pods[round % 2 == 0 ? vm : vm + kVms], &target = *pods[round % 2 == 0 ? vm + kVms : vm];
        Answer deleted;
        std::thread del([&] { deleted = node.del(source, mine); });
        const Answer added = node.add(target, mine, launcher(name, "0000" + std::to_string(round)));
        del.join();
        use(added, true);
        use(deleted, false);
        const Answer checked = node.check(target, added, mine);
        use(checked, false);
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : wrong) CHECK(text.empty());
  CHECK(node.command({"check"}).ok());
  for (std::size_t vm = 0; vm < kVms; ++vm) node.must_del(*pods[vm + (kRounds % 2 == 0 ? 0 : kVms)], conf);
  must_run("echo 0 > /proc/sys/net/ipv4/ip_forward");
  CHECK(node.left() == kNothing);
}
