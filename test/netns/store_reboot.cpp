// The node was started again, or another one came with its store: whose records are these?
#include <catch2/catch.hpp>

#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// Another boot id, for this test's mount namespace.
class Boot {
 public:
  explicit Boot(const std::string& id) {
    must_run("echo " + id + " > /run/boot_id && mount --bind /run/boot_id /proc/sys/kernel/random/boot_id");
  }
  ~Boot() { run("umount /proc/sys/kernel/random/boot_id; rm -f /run/boot_id"); }
  Boot(const Boot&) = delete;
  Boot& operator=(const Boot&) = delete;
};

constexpr const char* kState = "/run/kept-state";

json kept(const json& members = json::object()) {
  json conf = demo_with({{"stateDir", kState}});
  conf.update(members);
  return conf;
}

void forget() { must_run(std::string("rm -rf ") + kState); }

}  // namespace

TEST_CASE("after a reboot the old records are void: their addresses are free and their pods forgotten",
          "[store][reboot]") {
  forget();
  {
    const Node before;
    const Pod a("a"), b("b");
    before.must_add(a, kept());
    before.must_add(b, kept({{"runtimeConfig", {{"ips", {"10.88.7.7"}}}}}));
  }
  const Boot boot("11111111-2222-3333-4444-555555555555");
  const Node after;
  CHECK(told(after.status(kept())) == "0 ");
  const Pod a("a"), c("c");
  const Answer added = after.must_add(c, kept({{"runtimeConfig", {{"ips", {"10.88.7.7"}}}}}));
  CHECK(files_below(std::string(kState) + "/records").size() == 1);
  CHECK(addresses_of(after.must_add(a, kept())).at(0) == "10.88.0.2");
  CHECK(told(after.check(c, added, kept())) == "0 ");
  // DELs of attachments of the time before come late, and change nothing.
  CHECK(after.del(c, kept(), {{"CNI_CONTAINERID", "b"}}).ok());
  CHECK(told(after.check(c, added, kept())) == "0 ");
  after.must_del(a, kept());
  after.must_del(c, kept());
  CHECK(after.left() == kNothing);
  CHECK(files_below(std::string(kState) + "/records") == kNothing);
  CHECK(files_below(std::string(kState) + "/switches") == kNothing);
  forget();
}

TEST_CASE("the first verb after a reboot may be any", "[store][reboot]") {
  const auto verb = GENERATE(as<std::string>{}, "DEL", "GC", "CHECK", "STATUS");
  CAPTURE(verb);
  forget();
  Answer added;
  {
    const Node before;
    const Pod a("a");
    added = before.must_add(a, kept());
  }
  const Boot boot("11111111-2222-3333-4444-666666666666");
  const Node after;
  const Pod a("a");
  json conf = kept({{"prevResult", added.json}});
  conf["cni.dev/valid-attachments"] = json::array();
  const Answer answer = after.call(verb, a, conf);
  CAPTURE(told(answer));
  if (verb == "CHECK")
    CHECK(answer.code() == 105);
  else
    CHECK(answer.ok());
  CHECK(after.left() == kNothing);
  CHECK(after.add(a, kept()).ok());
  after.must_del(a, kept());
  CHECK(after.left() == kNothing);
  forget();
}

TEST_CASE("a damaged note of whose store it is does not make records of another boot ours", "[store][reboot]") {
  const auto text = GENERATE(as<std::string>{}, "", "{}", "garbage");
  forget();
  {
    const Node before;
    const Pod a("a");
    before.must_add(a, kept());
  }
  must_run("printf '%s' '" + text + "' > " + kState + "/host");
  const Boot boot("11111111-2222-3333-4444-777777777777");
  const Node after;
  const Pod b("b");
  CHECK(addresses_of(after.must_add(b, kept())).at(0) == "10.88.0.2");
  CHECK(files_below(std::string(kState) + "/records").size() == 1);
  forget();
}

TEST_CASE("a store that another host namespace uses is refused, and nothing of it is touched", "[store][reboot]") {
  forget();
  const Pod a("a"), b("b");
  const Pod second_host("second");
  const Node first;
  const Answer added = first.must_add(a, kept());
  const auto files = files_below(kState);
  {
    const Inside inside(second_host.netns());
    const Snapshot before = snapshot();
    for (const char* verb : {"ADD", "DEL", "GC", "STATUS"}) {
      CAPTURE(verb);
      json conf = kept();
      conf["cni.dev/valid-attachments"] = json::array();
      const Answer refused = first.call(verb, b, conf);
      CAPTURE(told(refused));
      CHECK_FALSE(refused.ok());
      CHECK_THAT(refused.json.value("msg", ""), Contains("stateDir"));
    }
    CHECK(changed_since(before) == kNothing);
  }
  CHECK(files_below(kState) == files);
  CHECK(told(first.check(a, added, kept())) == "0 ");
  first.must_del(a, kept());
  // Empty, it may be taken over.
  const Inside inside(second_host.netns());
  CHECK(first.add(b, kept()).ok());
  CHECK(first.del(b, kept()).ok());
  forget();
}
