// The process: what it inherits, who ends it, and who tells that it is dead.
#include "guests_world.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

bool alive(int pid) { return run("grep -q '^State:.[^ZX]' /proc/" + std::to_string(pid) + "/status").ok(); }

}  // namespace

TEST_CASE("the service is a process of its own, with nothing of the call that started it", "[guests][process]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  // A careless runtime leaves files open.
  const Pod first("first");
  const auto conf = json(guests_with()).dump();
  must_run("echo x > /run/leak; cat > /run/conf <<'END'\n" + conf +
           "\nEND\nexec 9< /run/leak; CNI_COMMAND=ADD CNI_CONTAINERID=first " +
           "CNI_IFNAME=eth0 CNI_NETNS=" + first.path() + " CNI_PATH=/nonexistent TRESTLE_STATE_DIR=" + node.state() +
           " " + trestle_program() + " < /run/conf");
  const Guest a(node, "a", guests_with());
  REQUIRE(node.process() > 0);
  const std::string proc = "/proc/" + std::to_string(node.process());
  REQUIRE(
      eventually([&] { return run("grep -q dnsmasq " + proc + "/comm").ok() && resolve(a.pod(), "10.88.0.1", "a"); }));
  const std::string open = must_run("ls -l " + proc + "/fd");
  CAPTURE(open);
  CHECK(open.find("/netns/") == open.npos);
  CHECK(open.find(node.state() + "/") == open.npos);
  CHECK(open.find("/run/leak") == open.npos);
  CHECK_THAT(must_run("readlink " + proc + "/fd/0 " + proc + "/fd/1"), Catch::Equals("/dev/null\n/dev/null\n"));
  CHECK(open.find(node.directory() + "/log") != open.npos);
  CHECK_THAT(must_run("readlink " + proc + "/cwd"), Catch::Equals("/\n"));
  // A session of its own, no root, no signal held back.
  CHECK(must_run("cut -d' ' -f6 " + proc + "/stat") != must_run("cut -d' ' -f6 /proc/self/stat"));
  CHECK(must_run("awk '/^Uid/ {print $2}' " + proc + "/status") != "0\n");
  CHECK_THAT(must_run("grep SigBlk " + proc + "/status"), Catch::Contains("0000000000000000"));
  // Root's alone, but for what is read again when it is root no more.
  CHECK(must_run("stat -c %a " + node.directory() + "/dnsmasq.conf " + node.directory() + "/pid") == "600\n600\n");
  const int pid = node.process();
  const Guest b(node, "b", guests_with());
  CHECK(node.process() == pid);  // one for the switch
  a.leave();
  node.must_del(first, guests_with());
  CHECK(node.process() == pid);
  leave_nothing(node, {&b});
  CHECK_FALSE(alive(pid));
  CHECK(node.processes().empty());
  CHECK_FALSE(run("test -e " + node.services()).ok());
}

TEST_CASE("a service that died is named by CHECK and STATUS, and started by repair and by the next ADD",
          "[guests][process]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  REQUIRE(node.process() > 0);
  CHECK_THAT(told(node.check(a.pod(), a.added(), guests_with())), Catch::StartsWith("0 "));
  CHECK(node.status(guests_with()).ok());
  const auto die = [&] {
    const int pid = node.process();
    ::kill(pid, SIGKILL);
    REQUIRE(eventually([&] { return !alive(pid); }));
  };
  die();
  const Answer checked = node.check(a.pod(), a.added(), guests_with());
  CHECK(checked.code() == 105);
  CHECK_THAT(told(checked), Catch::Contains("guest services") && Catch::Contains("dnsmasq is not running"));
  const Answer status = node.status(guests_with());
  CHECK(status.code() == 51);
  CHECK_THAT(told(status), Catch::Contains("dnsmasq is not running"));
  const Ran repaired = node.command({"repair"});
  CHECK(repaired.ok());
  CHECK_THAT(repaired.out, Catch::Contains("mended: switch trdemo") && Catch::Contains("dnsmasq"));
  CHECK(node.process() > 0);
  CHECK(dhcp(a.pod(), 6)->at("ip") == a.ip4());
  CHECK(node.check(a.pod(), a.added(), guests_with()).ok());
  die();
  const Guest b(node, "b", guests_with());
  CHECK(node.process() > 0);
  CHECK(dhcp(a.pod(), 6)->at("ip") == a.ip4());
  // It says what it died of.
  must_run("echo 'no-such-option' >> " + node.directory() + "/dnsmasq.conf");
  CHECK_THAT(told(node.check(a.pod(), a.added(), guests_with())), Catch::Contains("dnsmasq.conf is gone or changed"));
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a switch that was made again, or lost files, gets its service again by repair", "[guests][process]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  REQUIRE(dhcp(a.pod(), 5));
  const int first = node.process();
  must_run("ip link del trdemo");
  CHECK_FALSE(node.check(a.pod(), a.added(), guests_with()).ok());
  CHECK(node.command({"repair"}).ok());
  CHECK(node.process() != first);  // the first one was bound to the link that is gone
  CHECK(dhcp(a.pod(), 6)->at("ip") == a.ip4());
  must_run("rm " + node.directory() + "/hosts/* " + node.directory() + "/names/*");
  CHECK_THAT(told(node.check(a.pod(), a.added(), guests_with())),
             Catch::Contains("names/" + a.host_link() + " is gone"));
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), guests_with()).ok());
  must_run("rm -r " + node.services());
  CHECK_FALSE(node.check(a.pod(), a.added(), guests_with()).ok());
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), guests_with()).ok());
  CHECK(node.processes().size() == 1);  // the one that no file told of any more would keep the port
  CHECK(dhcp(a.pod(), 6)->at("ip") == a.ip4());
  leave_nothing(node, {&a});
}

TEST_CASE("no other process is ended in its place", "[guests][process]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  const int pid = node.process();
  must_run("(setsid sleep 300 > /dev/null 2>&1 < /dev/null & echo $! > /run/bystander)");
  const std::string bystander = must_run("tr -d '\\n' < /run/bystander");
  const std::string kept = must_run("cat " + node.directory() + "/pid");
  // The number of another: with our start time, and with its own.
  const std::string starts[] = {must_run("cut -d' ' -f2 " + node.directory() + "/pid | tr -d '\\n'"),
                                must_run("cut -d' ' -f22 /proc/" + bystander + "/stat | tr -d '\\n'")};
  for (const std::string& start : starts) {
    must_run("echo '" + bystander + " " + start + " 1' > " + node.directory() + "/pid");
    CHECK_THAT(told(node.check(a.pod(), a.added(), guests_with())), Catch::Contains("dnsmasq is not running"));
  }
  for (const char* damaged : {"", "x", "0 0 0", "-1 5 6", "99999999999 1 1", "1 2"}) {
    must_run(std::string("printf '%s' '") + damaged + "' > " + node.directory() + "/pid");
    CHECK_THAT(told(node.check(a.pod(), a.added(), guests_with())), Catch::Contains("dnsmasq is not running"));
  }
  must_run("echo '" + bystander + " " + starts[1] + " 1' > " + node.directory() + "/pid");
  ::kill(pid, SIGKILL);
  a.leave();
  CHECK(alive(std::stoi(bystander)));
  run("kill " + bystander);
  leave_nothing(node, {});
}

TEST_CASE("GC ends the service of guests that are gone, and of a store that was lost", "[guests][gc]") {
  NEEDS_DNSMASQ;
  const bool lost = GENERATE(false, true);
  ServiceNode node;
  {
    const Guest a(node, "a", guests_with());
    REQUIRE(node.process() > 0);
    if (lost) must_run("rm -rf " + node.state() + "/records " + node.state() + "/switches");
  }
  run("ip -o link | grep -o 'veth[0-9a-f]*' | sort -u | xargs -r -n1 ip link del");
  CHECK(node.gc(json::array()).ok());
  CHECK(node.processes().empty());
  CHECK_FALSE(run("test -e " + node.services()).ok());
}

TEST_CASE("nobody but root can keep calls from the service", "[guests][process]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  must_run("setpriv --reuid 65534 --regid 65534 --clear-groups flock -x " + node.directory() +
           " sleep 20 > /dev/null 2>&1 & sleep 0.3; ls -a " + node.directory());
  CHECK_FALSE(run("setpriv --reuid 65534 --regid 65534 --clear-groups cat " + node.directory() + "/.lock").ok());
  const auto began = std::chrono::steady_clock::now();
  const Guest b(node, "b", guests_with());
  leave_nothing(node, {&a, &b});
  CHECK(std::chrono::steady_clock::now() - began < at_most(4000));
  run("pkill -x sleep");
}

TEST_CASE("a network's DEL leaves the service of the others on its switch running, also a dead one's",
          "[guests][process]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  json other = guests_with({{"name", "other"}, {"bridge", "trdemo"}, {"subnets", {"10.93.0.0/24"}}});
  const Guest a(node, "a", guests_with()), b(node, "b", other);
  REQUIRE(node.process() > 0);
  ::kill(node.process(), SIGKILL);
  REQUIRE(eventually([&] { return node.processes().empty(); }));
  node.must_del(b.pod(), other);
  CHECK(eventually([&] { return node.process() > 0 && resolve(a.pod(), "10.88.0.1", "a"); }));
  leave_nothing(node, {&a});
}

TEST_CASE("a service that hangs costs an ADD and a DEL no more than a moment", "[guests][process]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  json other = guests_with({{"name", "other"}, {"bridge", "trdemo"}, {"subnets", {"10.93.0.0/24"}}});
  const Guest a(node, "a", guests_with());
  REQUIRE(node.process() > 0);
  ::kill(node.process(), SIGSTOP);
  const auto began = std::chrono::steady_clock::now();
  const Guest b(node, "b", other);
  CHECK(std::chrono::steady_clock::now() - began < at_most(1500));
  leave_nothing(node, {&b, &a});
}

TEST_CASE("what a guest can make the service write has an end", "[guests][process]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  REQUIRE(node.process() > 0);
  CHECK_THAT(must_run("grep 'Max file size' /proc/" + std::to_string(node.process()) + "/limits"),
             Catch::Contains("16777216"));
  // SIGXFSZ (25) is ignored: a full log ends no service.
  CHECK(run("m=0x$(awk '/^SigIgn/ {print $2}' /proc/" + std::to_string(node.process()) +
            "/status); [ $((m >> 24 & 1)) = 1 ]")
            .ok());
  leave_nothing(node, {&a});
}

TEST_CASE("an isolated switch's services that another firewall silences are named", "[guests][firewall]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const json conf = guests_with({{"mode", "isolated"}});
  const Guest a(node, "a", conf);
  must_run(
      "nft add table inet f && nft add chain inet f in '{ type filter hook input priority 0; policy drop; }' && nft "
      "list tables");
  CHECK_THAT(node.command({"check"}).err, Catch::Contains("what pods send to the host"));
  CHECK_THAT(node.status(conf).err, Catch::Contains("what pods send to the host"));
  must_run("nft delete table inet f; nft list tables");
  leave_nothing(node, {&a});
}

TEST_CASE("two networks of one subnet on one switch tell their guests the same, or the second is refused", "[guests]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  const json same = guests_with({{"name", "same"}, {"bridge", "trdemo"}});
  json other = guests_with({{"name", "other"}, {"bridge", "trdemo"}});
  other["dns"] = {{"search", {"other.example"}}};
  const Answer refused = node.add(Pod("b"), other);
  CAPTURE(told(refused));
  CHECK(refused.code() == 103);
  CHECK_THAT(told(refused), Catch::Contains("different things by DHCP"));
  const Guest c(node, "c", same);
  node.must_del(c.pod(), same);
  leave_nothing(node, {&a});
}
