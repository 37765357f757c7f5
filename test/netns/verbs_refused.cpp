// What is refused, with which code, before anything is touched: environment, namespaces, standard input, keys, versions.
#include <catch2/catch.hpp>

#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// Well-formed, on stdout, with a code and a sentence; and the exit status says so too.
void is_error(const Answer& answer, int code) {
  CAPTURE(told(answer));
  CHECK(answer.status == 1);
  REQUIRE(answer.json.is_object());
  CHECK(answer.code() == code);
  CHECK(answer.json.at("msg").get<std::string>().size() > 5);
}

}  // namespace

TEST_CASE("a namespace that is none is refused with code 4 and nothing is touched", "[verbs][refused]") {
  struct Row {
    const char* what;
    const char* make;
    const char* path;
  };
  const Row rows[] = {
      {"missing", "true", "/run/netns/nobody"},
      {"missing folder", "true", "/run/no/such/folder"},
      {"regular file", "echo x > /run/netns/file", "/run/netns/file"},
      {"empty file, as a crash leaves it", ": > /run/netns/empty", "/run/netns/empty"},
      {"FIFO", "mkfifo /run/netns/fifo", "/run/netns/fifo"},
      {"directory", "mkdir /run/netns/dir", "/run/netns/dir"},
      {"symlink to nothing", "ln -s /run/netns/nobody /run/netns/link", "/run/netns/link"},
      {"symlink to itself", "ln -s self /run/netns/self", "/run/netns/self"},
      {"mount namespace", "true", "/proc/self/ns/mnt"},
      {"user namespace", "true", "/proc/self/ns/user"},
      {"the host's own", "true", "/proc/self/ns/net"},
      {"relative", "true", "run/netns/c1"},
      {"device", "true", "/dev/null"},
  };
  const Node node;
  const Pod pod("c1"), attached("c2");
  const Answer added = node.must_add(attached);
  const Snapshot before = snapshot();
  for (const Row& row : rows) {
    CAPTURE(row.what);
    must_run(row.make);
    is_error(node.add(pod, demo_conf(), {{"CNI_NETNS", row.path}}), 4);
    CHECK_FALSE(node.check(attached, added, demo_conf(), {{"CNI_NETNS", row.path}}).ok());
  }
  CHECK(changed_since(before) == kNothing);
  CHECK(node.check(attached, added).ok());
  node.must_del(attached);
  CHECK(node.left() == kNothing);
  must_run("rm -rf /run/netns/file /run/netns/empty /run/netns/fifo /run/netns/dir /run/netns/link /run/netns/self");
}

TEST_CASE("a wrong environment is refused with code 4", "[verbs][refused]") {
  struct Row {
    const char* verb;
    Node::Env env;
    const char* told;
  };
  const std::string long_id(129, 'x');
  const Row rows[] = {
      {"PLUG", {}, "unknown CNI_COMMAND"},
      {"add", {}, "unknown CNI_COMMAND"},
      {"ADD",
       {{"CNI_CONTAINERID", ""}, {"CNI_IFNAME", ""}, {"CNI_NETNS", ""}},
       "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME]"},
      {"DEL", {{"CNI_CONTAINERID", ""}, {"CNI_IFNAME", ""}, {"CNI_NETNS", ""}}, "[CNI_CONTAINERID,CNI_IFNAME]"},
      {"CHECK", {{"CNI_NETNS", ""}}, "CNI_NETNS"},
      {"ADD", {{"CNI_CONTAINERID", "../../x"}}, "CNI_CONTAINERID"},
      {"ADD", {{"CNI_CONTAINERID", "a b"}}, "CNI_CONTAINERID"},
      {"ADD", {{"CNI_CONTAINERID", "-x"}}, "CNI_CONTAINERID"},
      {"ADD", {{"CNI_CONTAINERID", long_id}}, "CNI_CONTAINERID"},
      {"ADD", {{"CNI_IFNAME", "."}}, "CNI_IFNAME"},
      {"ADD", {{"CNI_IFNAME", ".."}}, "CNI_IFNAME"},
      {"ADD", {{"CNI_IFNAME", "a/b"}}, "CNI_IFNAME"},
      {"ADD", {{"CNI_IFNAME", "eth%d"}}, "CNI_IFNAME"},
      {"ADD", {{"CNI_IFNAME", "sixteen-letters-"}}, "CNI_IFNAME"},
      {"ADD", {{"CNI_IFNAME", "lo"}}, "CNI_IFNAME"},
      {"ADD", {{"CNI_ARGS", "IP"}}, "CNI_ARGS"},
      {"ADD", {{"CNI_ARGS", "IP=10.88.0"}}, "CNI_ARGS"},
      {"ADD", {{"CNI_ARGS", "MAC=01:00:5e:00:00:01"}}, "CNI_ARGS"},
      {"ADD", {{"CNI_ARGS", "FOO=bar"}}, "FOO"},
      {"ADD", {{"TRESTLE_STATE_DIR", "relative"}}, "TRESTLE_STATE_DIR"},
      {"ADD", {{"TRESTLE_STATE_DIR", "/run/a/../b"}}, "TRESTLE_STATE_DIR"},
  };
  const Node node;
  const Pod pod("c1");
  for (const Row& row : rows) {
    CAPTURE(row.verb, row.told);
    const Answer refused = node.call(row.verb, pod, demo_conf(), row.env);
    is_error(refused, 4);
    CHECK_THAT(refused.json.at("msg").get<std::string>(), Contains(row.told));
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("standard input that is not one small clean document is refused with code 6", "[verbs][refused]") {
  struct Row {
    const char* what;
    std::string text;
  };
  const std::string head = R"({"cniVersion":"1.1.0","name":"demo","type":"trestle","subnets":["10.88.0.0/16"])";
  const Row rows[] = {
      {"empty", ""},
      {"blank", " \n"},
      {"more than 1 MiB", head + R"(,"_x":")" + std::string(1 << 20, 'x') + "\"}"},
      {"much more", std::string(20 << 20, ' ')},
      {"deep", head + R"(,"_x":)" + std::string(100000, '[') + std::string(100000, ']') + "}"},
      {"a key twice", head + R"(,"name":"other"})"},
      {"a key twice but for case", head + R"(,"Name":"other"})"},
      {"NUL in a text", head + R"(,"_x":"a\u0000b"})"},
      {"NUL byte", head + "}" + std::string(1, '\0')},
      {"trailing text", head + "} x"},
      {"two documents", head + "}" + head + "}"},
      {"cut", head},
      {"number beyond everything", head + R"(,"mtu":1e400})"},
      {"invalid UTF-8", head + ",\"_x\":\"\xff\"}"},
      {"byte order mark", "\xef\xbb\xbf" + head + "}"},
      {"a list", "[]"},
      {"a text", "\"x\""},
      {"null", "null"},
  };
  const Node node;
  const Pod pod("c1");
  for (const Row& row : rows) {
    CAPTURE(row.what);
    is_error(node.add(pod, json(row.text)), 6);
    is_error(node.del(pod, json(row.text)), 6);
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("an endless standard input ends the call", "[verbs][refused]") {
  const Node node;
  const Pod pod("c1");
  const Ran ran = run("yes '{' | CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=" + pod.path() +
                      " TRESTLE_STATE_DIR=" + node.state() + " " + trestle_program());
  CHECK(ran.status == 1);
  CHECK(json::parse(ran.out).at("code") == 6);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a key we do not know is refused with the nearest that we do", "[verbs][refused]") {
  struct Row {
    json members;
    const char* told;
  };
  const Row rows[] = {
      {{{"subnetz", {"10.0.0.0/8"}}}, "did you mean \"subnets\"?"},
      {{{"hostAcces", true}}, "did you mean \"hostAccess\"?"},
      {{{"Mode", "nat"}}, "did you mean \"mode\"?"},
      {{{"ipMasq", true}}, "masquerades by itself"},
      {{{"isGateway", true}}, "gateway address by itself"},
      {{{"macspoofchk", true}}, "spoofCheck"},
      {{{"master", "eth0"}}, "uplink"},
      {{{"subnet", "10.0.0.0/8"}}, "subnets"},
      {{{"runtimeConfig", {{"portMapings", {}}}}}, "portMappings"},
      {{{"dns", {{"nameserver", {"1.1.1.1"}}}}}, "nameservers"},
  };
  const Node node;
  const Pod pod("c1");
  for (const Row& row : rows) {
    const Answer refused = node.add(pod, demo_with(row.members));
    is_error(refused, 2);
    CHECK_THAT(refused.json.at("msg").get<std::string>(), Contains(row.told) && Contains(row.members.begin().key()));
    CHECK(node.del(pod, demo_with(row.members)).ok());
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("words of later releases are refused with code 2 until they exist", "[verbs][refused]") {
  const Node node;
  const Pod pod("c1");
  const Answer refused = node.add(pod, demo_with({{"overlay", {{"vni", 42}, {"control", "kubernetes"}}}}));
  is_error(refused, 2);
  CHECK_THAT(refused.json.at("msg").get<std::string>(), Contains("later release"));
  CHECK(node.left() == kNothing);
}

TEST_CASE("values that cannot be are refused with code 7", "[verbs][refused]") {
  struct Row {
    const char* what;
    json members;
  };
  const Row rows[] = {
      {"no name", {{"name", ""}}},
      {"name as a path", {{"name", "../x"}}},
      {"no addresses", {{"subnets", json::array()}}},
      {"host bits", {{"subnets", {"10.88.0.1/16"}}}},
      {"no prefix", {{"subnets", {"10.88.0.0"}}}},
      {"MTU too small", {{"mtu", 67}}},
      {"MTU below what IPv6 needs", {{"mtu", 1279}}},
      {"MTU too large", {{"mtu", 65536}}},
      {"MTU as a text", {{"mtu", "1400"}}},
      {"MTU with a fraction", {{"mtu", 1400.5}}},
      {"bridge name", {{"bridge", "a/b"}}},
      {"long bridge name", {{"bridge", "sixteen-letters-"}}},
      {"requested address elsewhere", {{"runtimeConfig", {{"ips", {"10.99.0.1"}}}}}},
      {"requested gateway", {{"runtimeConfig", {{"ips", {"10.88.0.1"}}}}}},
      {"requested prefix", {{"runtimeConfig", {{"ips", {"10.88.0.5/24"}}}}}},
      {"requested MAC", {{"runtimeConfig", {{"mac", "fe:00:00:00:00:01"}}}}},
      {"port", {{"hostAccess", {"53"}}}},
      {"overlapping subnets", {{"subnets", {"10.88.0.0/16", "10.88.1.0/24"}}}},
      {"relative state directory", {{"stateDir", "run"}}},
  };
  const Node node;
  const Pod pod("c1");
  for (const Row& row : rows) {
    CAPTURE(row.what);
    is_error(node.add(pod, demo_with(row.members)), 7);
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("verbs are gated by the config's version, and an unknown version is told with ours", "[verbs][refused]") {
  struct Row {
    const char* verb;
    const char* version;
    bool allowed;
  };
  const auto row = GENERATE(values<Row>({
      {"CHECK", "0.3.1", false},
      {"CHECK", "0.4.0", true},
      {"CHECK", "1.1.0", true},
      {"GC", "1.0.0", false},
      {"GC", "1.1.0", true},
      {"STATUS", "1.0.0", false},
      {"STATUS", "1.1.0", true},
  }));
  CAPTURE(row.verb, row.version);
  const Node node;
  const Pod pod("c1");
  json conf = demo_conf(row.version);
  const Answer added = node.must_add(pod, conf);
  conf["prevResult"] = added.json;
  conf["cni.dev/valid-attachments"] = {{{"containerID", "c1"}, {"ifname", "eth0"}}};
  const Answer answer = node.call(row.verb, pod, conf);
  CAPTURE(told(answer));
  CHECK(answer.ok() == row.allowed);
  if (!row.allowed) {
    is_error(answer, 1);
    CHECK(answer.json.at("msg") == std::string("config version does not allow ") + row.verb);
  }
}

TEST_CASE("a version that is not ours is code 1 with the list of ours", "[verbs][refused]") {
  const auto verb = GENERATE(as<std::string>{}, "ADD", "DEL", "CHECK", "GC", "STATUS");
  const Node node;
  const Pod pod("c1");
  const Answer refused = node.call(verb, pod, demo_conf("9.0.0"));
  is_error(refused, 1);
  CHECK(refused.json.at("msg") == "incompatible CNI versions");
  CHECK(refused.json.at("details") ==
        R"(config is "9.0.0", plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"])");
  CHECK(node.left() == kNothing);
}
