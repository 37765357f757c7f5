// Two releases whose tables differ, side by side on one node.
#include <catch2/catch.hpp>

#include "engine/apply.h"
#include "kernel/netns.h"
#include "net/names.h"
#include "store/store.h"
#include "verbs_node.h"

using namespace trestle;
using namespace trestle::test;
using nlohmann::json;

namespace {

// As if an older release, whose tables had one rule less, had made this network's part.
void age(const Node& node, const net::Owner& owner) {
  engine::Context context(net::doomed_group(node.state()), net::switch_group(node.state()));
  const auto store = store::open_store(node.state(), {kernel::boot_id(), context.host_cookie()});
  store::Record record = store->find(owner).value();
  const std::vector<store::Part> parts = store->parts();
  REQUIRE(parts.size() == 1);
  store::Part old = parts.front();
  for (plan::Step& step : old.steps)
    if (auto* rules = std::get_if<plan::Rules>(&step); rules && rules->name == "tables") {
      const std::string rule = "  icmpv6 type nd-redirect drop\n";
      rules->text.erase(rules->text.find(rule), rule.size());
    }
  old.digest = plan::digest(old.steps);
  store->put_part(old, owner);
  store->set_ready({old.bridge, old.digest}, true);
  engine::apply_shared(context, old.steps);
  record.parts = {{old.bridge, old.digest}};
  store->rewrite(record);
  store->remove_part({parts.front().bridge, parts.front().digest});
}

}  // namespace

TEST_CASE("the pods of an older release stand a CHECK while and after newer ones are beside them",
          "[faults][upgrade]") {
  const Node node;
  const Pod a("a"), b("b");
  const json one = other_conf("one", "10.1.0.0/16"), two = other_conf("two", "10.2.0.0/16");
  const Answer added = node.must_add(a, one);
  age(node, {"one", "a", "eth0"});
  CHECK(told(node.check(a, added, one)) == "0 ");
  node.must_add(b, two);
  CHECK(told(node.check(a, added, one)) == "0 ");
  node.must_del(b, two);
  // with the newer part its text went out of force, and CHECK of the older one told its tables changed
  CHECK(told(node.check(a, added, one)) == "0 ");
  node.must_del(a, one);
  CHECK(node.left() == kNothing);
}
