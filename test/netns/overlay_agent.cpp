// The agent: what it mends by itself, and that nobody needs it.
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>

#include "base/fd.h"
#include "overlay_agent.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// What a metrics socket says; "" when nobody listens there.
std::string asked(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const trestle::base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "";
  (void)::send(fd.get(), "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL);
  return trestle::base::read_all(fd.get(), 65536).value_or("");
}

}  // namespace

TEST_CASE("the agent makes again what is lost: entries, the tunnel, flushed tables, an underlay address that changed",
          "[overlay][agent]") {
  const Cluster cluster(2);
  json conf = layer3(2, {{"local", "eth0"}});
  for (int i = 0; i < 2; ++i)
    conf["overlay"]["peers"][static_cast<std::size_t>(i)]["node"] = "n" + std::to_string(i + 1);
  json of[2] = {conf, conf};
  for (int i = 0; i < 2; ++i) of[i]["overlay"]["node"] = "n" + std::to_string(i + 1);
  for (int n = 1; n <= 2; ++n) cluster.add(n, of[n - 1]);
  const Agent agent(cluster, 1, of[0]);
  const auto reaches = [&] { return ping(cluster.pod(1).netns(), "10.51.2.2", 300) == Reach::connected; };
  REQUIRE(becomes_true(reaches));
  const auto tampered =
      GENERATE(as<std::string>{},
               "bridge fdb del $(bridge fdb show dev vx42 | awk '/dst/{print $1}') dev vx42 dst 192.0.2.12 self",
               "ip nexthop flush", "ip neigh flush dev vx42 nud permanent; ip -6 neigh flush dev vx42 nud permanent",
               "ip link del vx42", "nft flush ruleset",
               "ip link set eth0 down; ip link set eth0 up; ip route add default via 192.0.2.1");
  CAPTURE(tampered);
  cluster.node(1).exec(tampered);
  CHECK(becomes_true(reaches));
  CHECK(becomes_true([&] { return cluster.command(1, "check").ok(); }));
  CAPTURE(agent.log());
  agent.kill("KILL");
  CHECK(reaches());
  for (int n = 1; n <= 2; ++n) cluster.del(n, of[n - 1]);
  for (int n = 1; n <= 2; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("the agent hears that an entry, a neighbour or a next hop of a peer went", "[overlay][agent]") {
  const Cluster cluster(2);
  const json conf = layer3(2, {{"local", "eth0"}});
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  const Agent agent(cluster, 1, conf, "--interval 3600 --metrics-port 9754");
  const auto passes = [&] {
    const std::string text = agent.metrics();
    const std::size_t at = text.rfind("trestle_agent_passes_total ");
    return at == text.npos ? std::string() : text.substr(at, text.find('\n', at) - at);
  };
  std::string before;
  // Until it rests: what it does itself it hears as well.
  REQUIRE(becomes_true([&] {
    const std::string now = passes();
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    return !now.empty() && std::exchange(before, passes()) == now && before == now;
  }));
  const auto tampered =
      GENERATE(as<std::string>{},
               "bridge fdb del $(bridge fdb show dev vx42 | awk '/dst/{print $1}') dev vx42 dst 192.0.2.12 self",
               "ip -6 neigh flush dev vx42 nud permanent", "ip nexthop flush",
               "ip -6 neigh replace $(ip -6 neigh show dev vx42 nud permanent | awk '{print $1}') dev vx42 lladdr "
               "02:00:00:00:00:09 nud permanent");
  CAPTURE(tampered, agent.log());
  REQUIRE(cluster.command(1, "check").ok());
  cluster.node(1).must_exec(tampered);
  CHECK(becomes_true([&] { return cluster.command(1, "check").ok(); }));
  // Other people's neighbours are no news: their ARP would keep the agent busy for ever.
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  before = passes();
  cluster.node(1).must_exec(
      "ip neigh replace 192.0.2.77 dev eth0 lladdr 02:00:00:00:00:77 nud reachable; "
      "ip neigh del 192.0.2.77 dev eth0");
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  CHECK(passes() == before);
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
}

TEST_CASE("what switches learn of other people's stations is no news for the agent", "[overlay][agent][churn]") {
  // It looked at everything again for it, several times a second, for as long as somebody sent frames with made-up MACs.
  const Cluster cluster(2);
  const json conf = layer3(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  const Agent agent(cluster, 1, conf, "--interval 3600 --metrics-port 9754");
  const auto passes = [&] {
    const std::string text = agent.metrics();
    const auto at = text.find("\ntrestle_agent_passes_total ");
    return at == std::string::npos ? -1 : std::stoi(text.substr(text.find(' ', at)));
  };
  REQUIRE(becomes_true([&] { return passes() > 0; }));
  const Pod& node = cluster.node(1);
  node.must_exec(
      "ip link add theirs type bridge && ip link set theirs up && ip link add port0 type veth peer name port1 && "
      "ip link set port0 master theirs up && ip link set port1 up && ip link show theirs");
  node.must_exec(
      "for i in $(seq 0 99); do for j in $(seq 0 99); do echo fdb replace 02:77:00:00:$(printf '%02x:%02x' $i $j) dev "
      "port0 master dynamic; done; done > /run/churn && ls /run/churn");
  std::this_thread::sleep_for(std::chrono::seconds(3));  // what those links are news of is over
  const int before = passes();
  node.must_exec("bridge -batch /run/churn && ls /run/churn");
  std::this_thread::sleep_for(std::chrono::seconds(2));
  CHECK(passes() == before);
}

TEST_CASE("an underlay address that changed is followed without a new tunnel", "[overlay][agent]") {
  const Cluster cluster(2);
  json conf = layer3(2, {{"local", "eth0"}});
  for (int i = 0; i < 2; ++i)
    conf["overlay"]["peers"][static_cast<std::size_t>(i)]["node"] = "n" + std::to_string(i + 1);
  json of[2] = {conf, conf};
  for (int i = 0; i < 2; ++i) of[i]["overlay"]["node"] = "n" + std::to_string(i + 1);
  for (int n = 1; n <= 2; ++n) cluster.add(n, of[n - 1]);
  const std::string index = cluster.node(1).must_exec("cat /proc/net/dev_snmp6/vx42 | head -1");
  const Agent one(cluster, 1, of[0]), two(cluster, 2, of[1]);
  cluster.node(1).must_exec(
      "ip addr add 192.0.2.21/24 dev eth0 && ip addr del 192.0.2.11/24 dev eth0 && ip addr add 192.0.2.21/24 dev eth0; "
      "ip route add default via 192.0.2.1; ip link show lo");
  for (json& each : of) each["overlay"]["peers"][0]["vtep"] = "192.0.2.21";
  Cluster::write(one.file(), of[0].dump());
  Cluster::write(two.file(), of[1].dump());
  CHECK(becomes_true([&] { return ping(cluster.pod(1).netns(), "10.51.2.2", 300) == Reach::connected; }));
  CHECK(cluster.node(1).must_exec("cat /proc/net/dev_snmp6/vx42 | head -1") == index);
  for (int n = 1; n <= 2; ++n) cluster.del(n, of[n - 1]);
}

TEST_CASE("the agent takes up a list that changed", "[overlay][agent]") {
  const int layer = GENERATE(2, 3);
  CAPTURE(layer);
  const Cluster cluster(1);
  json list = peers(6);
  if (layer == 2)
    for (json& peer : list) peer.erase("subnets");
  Cluster::write("/run/list.json", list.dump());
  const json conf = in_file(layer == 3 ? layer3(6) : layer2(1, 6, "isolated"), "/run/list.json");
  cluster.add(1, conf);
  const Agent agent(cluster, 1, conf, "--interval 600 --metrics-port 9754");
  REQUIRE(becomes_true([&] { return agent.metrics().find("} 5") != std::string::npos; }));
  const std::string vtep = layer == 3 ? "vx42" : "vx43";
  const auto entries = [&] {
    return cluster.node(1).must_exec("bridge fdb show dev " + vtep + " | grep -c dst || true");
  };
  for (int round = 0; round < 3; ++round) {
    list[3]["vtep"] = "192.0.2.9" + std::to_string(round);
    Cluster::write("/run/list.json", list.dump());
    CHECK(becomes_true([&] {
      return cluster.node(1).must_exec("bridge fdb show dev " + vtep).find(list[3].value("vtep", "")) !=
             std::string::npos;
    }));
    CHECK(entries() == "5\n");
  }
  CAPTURE(agent.log(), agent.metrics());
  CHECK_THAT(agent.metrics(), Contains("trestle_agent_errors_total 0"));
  CHECK(cluster.command(1, "check").ok());
  CHECK_THAT(cluster.node(1).must_exec("nft list ruleset"), Contains("192.0.2.92") && !Contains("192.0.2.14"));
}

TEST_CASE("the agent tells its metrics, takes dead attachments away, and its end touches nothing", "[overlay][agent]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  cluster.add(1, conf);
  Pod gone("gone");
  REQUIRE(cluster.command(1, "add {} --netns gone --ifname eth0", conf).ok());
  {
    const Agent agent(cluster, 1, conf);
    REQUIRE(becomes_true(
        [&] { return agent.metrics().find("trestle_overlay_peers{network=\"over\"} 1") != std::string::npos; }));
    CHECK_THAT(agent.metrics(), Contains("HTTP/1.0 200 OK") && Contains("trestle_attachments 2") &&
                                    Contains("trestle_agent_passes_total"));
    CHECK(run("test -S " + Cluster::state(1) + "/agent.sock").ok());
    gone.remove();
    CHECK(becomes_true([&] { return agent.metrics().find("trestle_attachments 1") != std::string::npos; }));
    CAPTURE(agent.log());
  }
  CHECK(cluster.command(1, "check").ok());
  CHECK_FALSE(run("ls " + Cluster::state(1) + "/agent.sock").ok());
  cluster.del(1, conf);
  CHECK(cluster.left(1) == "");
}

TEST_CASE("a second agent does not take the first one's socket; one that was killed left its own free",
          "[overlay][agent]") {
  const Cluster cluster(1);
  const json conf = layer3(1, {{"local", "eth0"}});
  cluster.add(1, conf);
  const std::string socket = Cluster::state(1) + "/agent.sock";
  const auto answers = [&] { return asked(socket).find("trestle_attachments") != std::string::npos; };
  {
    const Agent first(cluster, 1, conf, "--interval 3600");
    REQUIRE(becomes_true(answers));
    const auto second = cluster.node(1).exec("TRESTLE_STATE_DIR=" + Cluster::state(1) + " timeout 5 " +
                                             trestle_program() + " agent " + first.file());
    CHECK(second.status == 1);
    CHECK_THAT(second.err, Contains("another agent runs"));
    CHECK(answers());
    first.kill("KILL");
  }
  const Agent again(cluster, 1, conf, "--interval 3600");
  CHECK(becomes_true(answers));
  cluster.del(1, conf);
}

TEST_CASE("an agent killed at random moments leaves the traffic and the state whole", "[overlay][agent][kill]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  Cluster::write("/run/killed.json", conf.dump());
  cluster.node(1).must_exec(
      "for i in $(seq 200); do TRESTLE_STATE_DIR=" + Cluster::state(1) + " " + trestle_program() +
      " agent --interval 1 /run/killed.json 2>> /run/killed.log & p=$!; "
      "[ $((i % 10)) != 0 ] || { ip nexthop flush; ip link set vx42 mtu 1400; } > /dev/null 2>&1; "
      "sleep 0.0$((i * 37 % 80 + 10)); kill -9 $p; wait $p 2> /dev/null; done; ip link show vx42");
  const Agent agent(cluster, 1, conf);
  CHECK(becomes_true([&] { return cluster.command(1, "check").ok(); }));
  CHECK(becomes_true([&] { return ping(cluster.pod(1).netns(), "10.51.2.2", 300) == Reach::connected; }));
  agent.kill("TERM");
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
  for (int n = 1; n <= 2; ++n) CHECK(cluster.left(n) == "");
}
