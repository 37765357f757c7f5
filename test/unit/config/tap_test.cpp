#include <catch2/catch.hpp>

#include "conf.h"

using namespace trestle;
using namespace trestle::test;
using Catch::Contains;

TEST_CASE("device tap: owned by 107, of no group, with one queue", "[config][tap]") {
  CHECK_FALSE(parsed().tap);
  CHECK_FALSE(parsed(R"({"device": "veth"})").tap);
  CHECK(parsed(R"({"device": "tap"})").tap == config::Tap{});
  CHECK(config::Tap{} == config::Tap{107, std::nullopt, false, std::nullopt, "", false});
}

TEST_CASE("tap: every key is read; 0 is root, no empty template", "[config][tap]") {
  CHECK(parsed(R"({"device": "tap", "tap": {"owner": 0, "group": 0, "multiQueue": true, "name": "vm0",
                   "selinuxContext": "system_u:system_r:container_t:s0", "vmInterface": true}})")
            .tap == config::Tap{0, 0, true, net::IfName::parse("vm0"), "system_u:system_r:container_t:s0", true});
  CHECK(parsed(R"({"device": "tap", "tap": {"owner": null, "group": null, "multiQueue": false, "name": null,
                   "selinuxContext": null, "vmInterface": false}})")
            .tap == config::Tap{});
  CHECK(parsed(R"({"device": "tap", "tap": {"owner": "", "group": "", "name": "", "selinuxContext": ""}})").tap ==
        config::Tap{});
  CHECK(parsed(R"({"device": "tap", "tap": {"owner": 4294967294}})").tap->owner == 4294967294);
}

TEST_CASE("tap: what cannot be is refused with its path", "[config][tap]") {
  struct Case {
    std::string tap, says;
    int code = 7;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"owner": -1})", "tap.owner"},
      {R"({"owner": 4294967295})", "tap.owner"},
      {R"({"owner": "qemu"})", "tap.owner"},
      {R"({"owner": 1.5})", "tap.owner"},
      {R"({"owner": true})", "tap.owner"},
      {R"({"group": 4294967296})", "tap.group"},
      {R"({"multiQueue": 4})", "tap.multiQueue"},
      {R"({"multiQueue": "true"})", "tap.multiQueue"},
      {R"({"vmInterface": 1})", "tap.vmInterface"},
      {R"({"name": "sixteen-letters-"})", "tap.name"},
      {R"({"name": "a/b"})", "tap.name"},
      {R"({"name": "tap%d"})", "tap.name"},
      {R"({"name": "lo"})", "tap.name"},
      {R"({"name": 7})", "tap.name"},
      {R"({"selinuxContext": "two words"})", "tap.selinuxContext"},
      {R"({"selinuxContext": 1})", "tap.selinuxContext"},
      {R"({"Owner": 107})", R"(did you mean "owner"?)", 2},
      {R"({"multiqueue": true})", R"(did you mean "multiQueue"?)", 2},
      {R"({"mtu": 1400})", "beside", 2},
      {R"({"mac": "02:00:00:00:00:01"})", "capabilities", 2},
      {R"({"zzzzzzzzzz": 1})", "tap.zzzzzzzzzz", 2},
      {R"([1])", "tap"},
      {R"("tap0")", "tap"},
  }));
  CAPTURE(c.tap);
  const Refusal r = refusal(R"({"device": "tap", "tap": )" + c.tap + "}");
  CHECK(r.code == c.code);
  CHECK_THAT(r.message, Contains(c.says));
}

TEST_CASE("tap: without device tap it is refused, an empty template passes", "[config][tap]") {
  const auto device = GENERATE(as<std::string>{}, "", R"("device": "veth",)");
  CHECK_THAT(refusal("{" + device + R"("tap": {"owner": 107}})").message, Contains(R"("device": "tap")"));
  CHECK(refusal("{" + device + R"("tap": {"owner": 107}})").code == 7);
  CHECK(refusal("{" + device + R"("tap": {"multiQueue": true}})").code == 7);
  CHECK(refusal("{" + device + R"("tap": {"Owner": 107}})").code == 2);
  CHECK(refusal("{" + device + R"("tap": {"owner": null, "name": "", "multiQueue": false}})").message.empty());
}

TEST_CASE("device: an unknown one is refused with those there are", "[config][tap]") {
  CHECK_THAT(refusal(R"({"device": "macvtap"})").message, Contains("accepted: veth, tap"));
  CHECK(refusal(R"({"device": "macvtap"})").code == 2);
}

TEST_CASE("tc-redirect-tap's words in CNI_ARGS are those of the one pod, and win", "[config][tap]") {
  const auto args = cni::Args::parse("TC_REDIRECT_TAP_NAME=vm7;TC_REDIRECT_TAP_UID=1000;TC_REDIRECT_TAP_GID=0");
  const auto tap = parsed(R"({"device": "tap", "tap": {"name": "vm0", "owner": 5}})", args).tap;
  REQUIRE(tap);
  CHECK(*tap == config::Tap{1000, 0, false, net::IfName::parse("vm7"), "", true});
  CHECK_FALSE(parsed(R"({"device": "tap", "tap": {"vmInterface": false}})", args).tap->vm_interface);
  CHECK_FALSE(parsed("{}", args).tap);  // a container on the same list is none of their business
  CHECK_FALSE(parsed(R"({"device": "tap"})", cni::Args::parse("TC_REDIRECT_TAP_NAME=")).tap->vm_interface);
}

TEST_CASE("tc-redirect-tap's words that mean nothing are a wrong environment, with a TAP only", "[config][tap]") {
  const auto text = GENERATE(as<std::string>{}, "TC_REDIRECT_TAP_UID=qemu", "TC_REDIRECT_TAP_UID=-1",
                             "TC_REDIRECT_TAP_GID=4294967295", "TC_REDIRECT_TAP_NAME=a/b", "TC_REDIRECT_TAP_NAME=lo");
  CAPTURE(text);
  const auto args = cni::Args::parse(text);
  const Refusal r = refusal([&] { parsed(R"({"device": "tap"})", args); });
  CHECK(r.code == 4);
  CHECK_THAT(r.message, Contains("TC_REDIRECT_TAP_"));
  CHECK(refusal([&] { parsed("{}", args); }).code == 0);
}

TEST_CASE("a TAP alone is no network: behind another plugin it is that one's interface", "[config][tap]") {
  CHECK(parsed(R"({"subnets": "absent!", "device": "tap", "tap": {"owner": 1}})").mode == "chained");
}
