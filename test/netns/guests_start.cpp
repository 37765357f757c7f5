// How the service is started: once, by whoever comes first, without anybody waiting for it; or by systemd.
#include <memory>
#include <thread>

#include "guests_world.h"
#include "support/netns.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

// Stands in for dnsmasq in this test program's own view of the file system.
class Instead {
 public:
  explicit Instead(const std::string& text, bool executable = true) {
    must_run("cat > /run/dnsmasq-instead <<'END'\n" + text + "\nEND\nchmod " + (executable ? "755" : "644") +
             " /run/dnsmasq-instead && mount --bind /run/dnsmasq-instead /usr/sbin/dnsmasq");
  }
  ~Instead() { run("umount -l /usr/sbin/dnsmasq"); }
  Instead(const Instead&) = delete;
  Instead& operator=(const Instead&) = delete;
};

}  // namespace

TEST_CASE("ten ADDs at once start one service", "[guests][start]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  std::vector<std::unique_ptr<Pod>> pods;
  for (int i = 0; i < 10; ++i) pods.push_back(std::make_unique<Pod>("many" + std::to_string(i)));
  std::vector<Answer> answers(pods.size());
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < pods.size(); ++i)
    callers.emplace_back([&, i] {
      const Inside host(node.host().netns());
      answers[i] = node.add(*pods[i], guests_with());
    });
  for (std::thread& caller : callers) caller.join();
  for (const Answer& answer : answers) CHECK_THAT(told(answer), Catch::StartsWith("0 "));
  CHECK(node.processes().size() == 1);
  for (const auto& pod : pods) CHECK(dhcp(*pod, 6));
  callers.clear();
  for (const auto& pod : pods)
    callers.emplace_back([&] {
      const Inside host(node.host().netns());
      node.del(*pod, guests_with());
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(node.processes().empty());
  leave_nothing(node, {});
}

TEST_CASE("an ADD does not wait for a service that does not come up, and DEL ends it", "[guests][start]") {
  NEEDS_DNSMASQ;
  const std::string how =
      GENERATE("while :; do sleep 1; done", "trap '' TERM HUP; while :; do sleep 1; done", "exit 3");
  CAPTURE(how);
  ServiceNode node;
  const Instead slow("#!/bin/bash\n" + how);
  const auto began = std::chrono::steady_clock::now();
  const Guest a(node, "a", guests_with());
  CHECK(std::chrono::steady_clock::now() - began < at_most(1500));
  if (how == "exit 3") {
    CHECK(eventually([&] { return node.status(guests_with()).code() == 51; }));
    CHECK_THAT(told(node.status(guests_with())), Catch::Contains("dnsmasq is not running"));
  }
  leave_nothing(node, {&a});
  CHECK(node.processes().empty());
}

TEST_CASE("without dnsmasq ADD and STATUS say what to install, and nothing is left", "[guests][start]") {
  ServiceNode node;
  SKIP_IF(!run("test -e /usr/sbin/dnsmasq").ok() && run("command -v dnsmasq").ok(), "dnsmasq is elsewhere");
  std::unique_ptr<Instead> none;
  if (run("test -e /usr/sbin/dnsmasq").ok()) none = std::make_unique<Instead>("", false);
  const Pod pod("a");
  const Answer added = node.add(pod, guests_with());
  CHECK(added.code() == 106);
  CHECK_THAT(told(added), Catch::Contains("apt-get install dnsmasq-base"));
  const Answer status = node.status(guests_with());
  CHECK(status.code() == 50);
  CHECK_THAT(told(status), Catch::Contains("apt-get install dnsmasq-base"));
  leave_nothing(node, {});
  CHECK_FALSE(run("test -e " + node.services()).ok());
  CHECK(node.add(pod, demo_conf()).ok());  // a network without them does not mind
  CHECK(node.del(pod, demo_conf()).ok());
}

// The path unit and what it starts, without systemd itself: the files that tell, and the command that the unit runs.
TEST_CASE("where systemd watches, ADD leaves the start to it", "[guests][systemd]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Node::Env env{{"TRESTLE_STATE_DIR", "/run/trestle"}};
  must_run("mkdir -p /run/systemd/system /run/systemd/units");
  const std::string directory = "/run/trestle-services/trdemo", wanted = directory + "/wanted";
  const Pod pod("a"), other("b");
  {
    // Installed, but not active: nobody would start it.
    const Answer added = node.must_add(pod, guests_with(), env);
    CHECK_FALSE(run("test -e " + wanted).ok());
    CHECK(run("grep -q dnsmasq /proc/$(cut -d' ' -f1 " + directory + "/pid)/cmdline").ok());
    node.must_del(pod, guests_with(), env);
    CHECK_FALSE(run("test -e " + directory).ok());
  }
  must_run("ln -s x /run/systemd/units/invocation:trestle-guests.path");
  const Answer added = node.must_add(pod, guests_with(), env);
  CHECK(run("test -e " + wanted).ok());
  CHECK_FALSE(run("test -e " + directory + "/pid").ok());
  CHECK(node.check(pod, added, guests_with(), env).ok());  // it will come
  must_run("touch -d '1 minute ago' " + wanted);
  CHECK_THAT(told(node.check(pod, added, guests_with(), env)), Catch::Contains("dnsmasq is not running"));
  const Answer second = node.must_add(other, guests_with(), env);  // asks once more
  CHECK(run("test $(($(date +%s) - $(stat -c %Y " + wanted + "))) -lt 30").ok());
  // As trestle-guests@trdemo.service does.
  must_run("rm " + wanted + "; (setsid " + trestle_program() + " serve " + directory +
           " > /dev/null 2>&1 < /dev/null & echo $! > /run/unit)");
  const std::string unit = must_run("tr -d '\\n' < /run/unit");
  REQUIRE(eventually([&] { return run("grep -q dnsmasq /proc/" + unit + "/comm").ok(); }));
  CHECK(must_run("cut -d' ' -f1 " + directory + "/pid") == unit + "\n");
  CHECK(dhcp(pod, 6));
  CHECK(node.check(pod, added, guests_with(), env).ok());
  node.must_del(other, guests_with(), env);
  node.must_del(pod, guests_with(), env);
  CHECK(eventually([&] { return !run("grep -q '^State:.[^ZX]' /proc/" + unit + "/status").ok(); }));
  CHECK_FALSE(run("test -e " + directory).ok());
  CHECK_FALSE(trestle_command({"serve", directory}).ok());
  run("rm -rf /run/systemd /run/trestle");
}
