#include <catch2/catch.hpp>

#include "fixture.h"
#include "plan/plan.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

struct Shared {
  TempDir dir;
  std::unique_ptr<Store> store = open_store(dir.path(), kHere);
  ipam::RangeSet set = pool("10.88.0.0/24");
  std::vector<plan::Step> steps = {plan::Up{{plan::Where::host, bridge()}},
                                   plan::Address{{plan::Where::host, bridge()}, net::Cidr::parse("10.88.0.1/24")}};
  Part part{bridge(), plan::digest(steps), "demo", steps, false};
  PartRef ref{bridge(), part.digest};

  void attach(int n) const {
    store->put_part(part, pod(n));
    add(*store, pod(n), {{{&set, std::nullopt}}, std::nullopt, "trdemo", {ref}});
  }
};

}  // namespace

TEST_CASE("a part is ready once it is said to be, and reads back whole", "[store][parts]") {
  const Shared s;
  CHECK_FALSE(s.store->part_ready(s.ref));
  s.store->put_part(s.part, pod(1));
  CHECK_FALSE(s.store->part_ready(s.ref));
  s.store->set_ready(s.ref, true);
  s.store->set_ready(s.ref, true);
  CHECK(s.store->part_ready(s.ref));
  const auto parts = s.store->parts();
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].bridge == bridge());
  CHECK(parts[0].digest == s.part.digest);
  CHECK(parts[0].network == "demo");
  CHECK(parts[0].steps == s.steps);
  CHECK(parts[0].ready);
  s.store->set_ready(s.ref, false);
  s.store->set_ready(s.ref, false);
  CHECK_FALSE(s.store->part_ready(s.ref));
}

TEST_CASE("the last attachment to leave a part is told so", "[store][parts]") {
  const Shared s;
  s.attach(1);
  s.attach(2);
  CHECK_FALSE(s.store->part_unused(s.ref, true));
  s.store->remove(pod(1), true);
  CHECK_FALSE(s.store->part_unused(s.ref, false));
  s.store->remove(pod(2), true);
  CHECK(s.store->part_unused(s.ref, false));
  s.store->remove_part(s.ref);
  CHECK(s.store->parts().empty());
  CHECK(files_below(s.dir.path() + "/switches").empty());
}

TEST_CASE("a record brings its ref, should the ref be missing", "[store][parts]") {
  const Shared s;
  add(*s.store, pod(1), {{{&s.set, std::nullopt}}, std::nullopt, "trdemo", {s.ref}});
  CHECK_FALSE(s.store->part_unused(s.ref, true));
}

TEST_CASE("a commit that fails leaves no ref behind", "[store][parts]") {
  const Shared s;
  add(*s.store, pod(1), {{{&s.set, std::nullopt}}, "02:11:22:33:44:55", "trdemo", {}});
  s.store->put_part(s.part, pod(2));
  REQUIRE_FALSE(error_of([&] {
                  add(*s.store, pod(2), {{{&s.set, std::nullopt}}, "02:11:22:33:44:55", "trdemo", {s.ref}});
                }).empty());
  CHECK(s.store->drop_stray_refs(pod(2)) == std::vector<PartRef>{s.ref});
  CHECK(s.store->part_unused(s.ref, false));
}

TEST_CASE("refs that a kill left are dropped by their owner's DEL, by the last to leave, and by tidying up",
          "[store][parts]") {
  const Shared s;
  s.attach(1);
  s.store->put_part(s.part, pod(2));
  CHECK(s.store->drop_stray_refs(pod(1)).empty());
  SECTION("DEL") {
    CHECK(s.store->drop_stray_refs(pod(2)) == std::vector<PartRef>{s.ref});
    CHECK(s.store->drop_stray_refs(pod(2)).empty());
  }
  SECTION("the last to leave") {
    s.store->remove(pod(1), true);
    CHECK_FALSE(s.store->part_unused(s.ref, false));
    CHECK(s.store->part_unused(s.ref, true));
  }
  SECTION("tidying up") {
    s.store->sweep();
    CHECK(s.store->drop_stray_refs(pod(2)).empty());
    CHECK_FALSE(s.store->part_unused(s.ref, false));
  }
}

TEST_CASE("tidying up leaves the refs of a call that is under way", "[store][parts]") {
  const Shared s;
  const auto add_call = open_store(s.dir.path(), kHere);
  const Lock busy = add_call->locks().attachment(pod(2), Deadline::in(std::chrono::seconds(1)));
  add_call->put_part(s.part, pod(2));
  s.store->sweep();
  CHECK_FALSE(s.store->part_unused(s.ref, false));
}

TEST_CASE("the removal of a damaged record drops its refs too", "[store][parts]") {
  const Shared s;
  s.attach(1);
  for (const std::string& file : files_below(s.dir.path() + "/records"))
    write_text(s.dir.path() + "/records/" + file, "x");
  s.store->remove(pod(1), true);
  CHECK(s.store->part_unused(s.ref, false));
}

TEST_CASE("a damaged part is not ready, and is written anew by the next ADD", "[store][parts]") {
  const Shared s;
  s.attach(1);
  s.store->set_ready(s.ref, true);
  const std::string file = s.dir.path() + "/switches/trdemo/" + s.ref.digest + "/part.json";
  const auto bad = GENERATE(as<std::string>{}, "", "{}", "x");
  write_text(file, bad);
  CHECK_FALSE(s.store->part_ready(s.ref));
  REQUIRE(s.store->parts().size() == 1);
  CHECK(s.store->parts()[0].steps.empty());
  CHECK_FALSE(s.store->parts()[0].ready);
  s.attach(2);
  CHECK(s.store->parts()[0].steps == s.steps);
}

TEST_CASE("facts are kept with their switch and go with its last part", "[store][parts]") {
  const Shared s;
  CHECK_FALSE(s.store->facts(bridge()));
  plan::Facts facts{1450, false, {net::IfName::parse("eth1")}};
  facts.localnet = "0";
  s.store->set_facts(bridge(), facts);
  CHECK(s.store->facts(bridge()) == facts);
  Part second = s.part;
  second.digest = "00000000000000ff";
  s.store->put_part(s.part, pod(1));
  s.store->put_part(second, pod(2));
  s.store->remove_part(s.ref);
  CHECK(s.store->facts(bridge()) == facts);
  s.store->remove_part({bridge(), second.digest});
  CHECK_FALSE(s.store->facts(bridge()));
  CHECK_NOTHROW(s.store->remove_part(s.ref));
}

TEST_CASE("foreign files among the switches are survived", "[store][parts]") {
  const Shared s;
  s.attach(1);
  const std::string switches = s.dir.path() + "/switches/";
  write_text(switches + "note", "x");
  write_text(switches + "trdemo/0000000000000001", "x");
  write_text(switches + "trdemo/" + s.ref.digest + "/refs/README", "x");
  REQUIRE(::system(("ln -s / " + switches + "root && mkdir " + switches + "this-name-is-too-long").c_str()) == 0);
  CHECK(s.store->parts().size() == 1);
  CHECK_NOTHROW(s.store->sweep());
  CHECK(s.store->drop_stray_refs(pod(7)).empty());
  s.store->remove(pod(1), true);
  CHECK(s.store->part_unused(s.ref, true));
}
