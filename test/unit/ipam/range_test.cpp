#include "ipam/range.h"

#include <catch2/catch.hpp>
#include <functional>

#include "base/error.h"

using namespace trestle;
using namespace trestle::ipam;
using net::Cidr;
using net::Ip;

namespace {

std::optional<Ip> ip(const std::string& text) { return text.empty() ? std::nullopt : std::optional(Ip::parse(text)); }

struct Given {
  std::string subnet, first, last, gateway;
  std::vector<std::string> exclude;
};

Range made(const Given& g) {
  RangeSpec spec{Cidr::parse(g.subnet), ip(g.first), ip(g.last), ip(g.gateway), {}};
  for (const std::string& text : g.exclude) spec.exclude.push_back(Cidr::parse(text));
  return make_range(spec, "ipam");
}

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const base::Error& e) {
    CHECK(e.code == base::Code::bad_config);
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("what a config leaves out is derived from the subnet", "[ipam][range]") {
  struct Case {
    Given given;
    std::string first, last, gateway, text;
    std::uint64_t capacity;
  };
  constexpr std::uint64_t kMany = std::uint64_t{1} << 63;
  const auto c = GENERATE_COPY(values<Case>({
      {{"10.88.0.0/16", "", "", "", {}}, "10.88.0.1", "10.88.255.254", "10.88.0.1", "10.88.0.2-10.88.255.254", 65533},
      {{"10.0.0.0/8", "", "", "", {}}, "10.0.0.1", "10.255.255.254", "10.0.0.1", "10.0.0.2-10.255.255.254", 16777213},
      {{"10.88.0.0/30", "", "", "", {}}, "10.88.0.1", "10.88.0.2", "10.88.0.1", "10.88.0.2", 1},
      {{"10.88.0.4/31", "", "", "", {}}, "10.88.0.4", "10.88.0.5", "10.88.0.4", "10.88.0.5", 1},
      {{"10.88.0.4/32", "", "", "", {}}, "10.88.0.4", "10.88.0.4", "", "10.88.0.4", 1},
      {{"10.88.0.4/32", "", "", "10.88.0.1", {}}, "10.88.0.4", "10.88.0.4", "10.88.0.1", "10.88.0.4", 1},
      {{"fd88::/64", "", "", "", {}},
       "fd88::1",
       "fd88::ffff:ffff:ffff:ffff",
       "fd88::1",
       "fd88::2-fd88::ffff:ffff:ffff:ffff",
       kMany},
      {{"fd88::/126", "", "", "", {}}, "fd88::1", "fd88::3", "fd88::1", "fd88::2-fd88::3", 2},
      {{"fd88::4/127", "", "", "", {}}, "fd88::4", "fd88::5", "fd88::4", "fd88::5", 1},
      {{"fd88::4/128", "", "", "", {}}, "fd88::4", "fd88::4", "", "fd88::4", 1},
      {{"::/0", "", "", "::2", {}},
       "::1",
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
       "::2",
       "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
       kMany},
      {{"10.88.0.0/24", "10.88.0.10", "10.88.0.19", "", {}},
       "10.88.0.10",
       "10.88.0.19",
       "10.88.0.1",
       "10.88.0.10-10.88.0.19",
       10},
      {{"10.88.0.0/24", "10.88.0.10", "10.88.0.19", "10.88.0.15", {}},
       "10.88.0.10",
       "10.88.0.19",
       "10.88.0.15",
       "10.88.0.10-10.88.0.19",
       9},
      {{"10.88.0.0/24", "", "", "10.99.0.1", {}},
       "10.88.0.1",
       "10.88.0.254",
       "10.99.0.1",
       "10.88.0.1-10.88.0.254",
       254},
      {{"10.88.0.0/24", "10.88.0.0", "10.88.0.255", "", {}},
       "10.88.0.1",
       "10.88.0.254",
       "10.88.0.1",
       "10.88.0.2-10.88.0.254",
       253},
      {{"10.88.0.0/24", "", "", "", {"10.88.0.0/25", "10.88.0.200/32"}},
       "10.88.0.1",
       "10.88.0.254",
       "10.88.0.1",
       "10.88.0.128-10.88.0.254",
       126},
  }));
  CAPTURE(c.given.subnet, c.given.first);
  const Range range = made(c.given);
  CHECK(range.first.str() == c.first);
  CHECK(range.last.str() == c.last);
  CHECK((range.gateway ? range.gateway->str() : "") == c.gateway);
  CHECK(text({range}) == c.text);
  CHECK(capacity({range}) == c.capacity);
}

TEST_CASE("a range that cannot be is refused with the place and the reason", "[ipam][range]") {
  struct Case {
    Given given;
    std::string says;
  };
  const auto c = GENERATE(values<Case>({
      {{"10.88.0.1/16", "", "", "", {}}, "the network is 10.88.0.0/16"},
      {{"10.88.0.0/24", "10.89.0.1", "", "", {}}, "rangeStart 10.89.0.1 lies outside the subnet 10.88.0.0/24"},
      {{"10.88.0.0/24", "", "fd88::1", "", {}}, "rangeEnd fd88::1 lies outside"},
      {{"10.88.0.0/24", "10.88.0.9", "10.88.0.8", "", {}}, "rangeStart 10.88.0.9 comes after rangeEnd 10.88.0.8"},
      {{"10.88.0.0/24", "", "", "fd88::1", {}}, "gateway fd88::1 is not of the family"},
      {{"10.88.0.0/24", "", "", "10.88.0.255", {}}, "broadcast address"},
      {{"10.88.0.0/24", "", "", "10.88.0.0", {}}, "network's own"},
      {{"10.88.0.0/24", "", "", "224.0.0.1", {}}, "no address of a host"},
      {{"10.88.0.0/24", "", "", "0.0.0.0", {}}, "no address of a host"},
      {{"10.88.0.4/32", "", "", "10.88.0.4", {}}, "nothing is left"},
      {{"10.88.0.0/24", "10.88.0.1", "10.88.0.1", "", {}}, "nothing is left"},
      {{"10.88.0.0/24", "10.88.0.255", "10.88.0.255", "", {}}, "nothing is left"},
      {{"10.88.0.0/30", "", "", "", {"10.88.0.2/32"}}, "nothing is left"},
      {{"10.88.0.0/24", "", "", "", {"10.88.0.0/16"}}, "nothing is left"},
      {{"::/0", "", "", "", {"::/0"}}, "nothing is left"},
      {{"10.88.0.0/24", "", "", "", {"10.89.0.0/24"}}, "meets nothing of the subnet"},
      {{"10.88.0.0/24", "", "", "", {"fd88::/64"}}, "meets nothing of the subnet"},
  }));
  CAPTURE(c.given.subnet, c.says);
  const std::string said = message([&] { made(c.given); });
  CHECK_THAT(said, Catch::StartsWith("ipam: "));
  CHECK_THAT(said, Catch::Contains(c.says));
}

TEST_CASE("neither gateway nor exclusion nor what lies outside is ever usable", "[ipam][range]") {
  const Range range = made({"10.88.0.0/24", "10.88.0.1", "10.88.0.20", "", {"10.88.0.8/30"}});
  for (unsigned i = 0; i < 256; ++i) {
    const Ip address{net::Family::v4, Ip::parse("10.88.0.0").value + i};
    CAPTURE(address.str());
    CHECK(usable(range, address) == (i >= 2 && i <= 20 && (i < 8 || i > 11)));
    CHECK((range_of({range}, address) != nullptr) == usable(range, address));
  }
  CHECK_FALSE(usable(range, Ip::parse("fd88::5")));
}

TEST_CASE("spans are what usable() says, cut in order", "[ipam][range]") {
  const Range range = made({"10.88.0.0/27",
                            "10.88.0.1",
                            "10.88.0.29",
                            "10.88.0.3",
                            {"10.88.0.8/30", "10.88.0.10/31", "10.88.0.12/32", "10.88.0.28/30"}});
  std::string shown;
  for (const Span& span : spans(range))
    shown += std::to_string(static_cast<unsigned>(span.first & 0xFF)) + "-" +
             std::to_string(static_cast<unsigned>(span.last & 0xFF)) + " ";
  CHECK(shown == "1-2 4-7 13-27 ");
}

TEST_CASE("ranges of one pool and of one network may not overlap or mix families", "[ipam][range]") {
  const Range a = made({"10.88.0.0/24", "10.88.0.2", "10.88.0.99", "", {}});
  const Range b = made({"10.88.0.0/24", "10.88.0.100", "10.88.0.200", "", {}});
  const Range c = made({"10.88.0.0/24", "10.88.0.99", "10.88.0.120", "", {}});
  const Range six = made({"fd88::/64", "", "", "", {}});
  CHECK_NOTHROW(check_sets({{a, b}, {six}}));
  CHECK_NOTHROW(check_sets({{b, a}}));
  CHECK_NOTHROW(check_sets({}));
  CHECK_THAT(message([&] { check_sets({{a, c}}); }), Catch::Contains("overlap"));
  CHECK_THAT(message([&] { check_sets({{a}, {c}}); }), Catch::Contains("overlap"));
  CHECK_THAT(message([&] { check_sets({{a}, {a}}); }), Catch::Contains("overlap"));
  CHECK_THAT(message([&] { check_sets({{a, six}}); }), Catch::Contains("mixes IPv4 and IPv6"));
  CHECK_THAT(message([&] { check_sets({{a}, {}}); }), Catch::Contains("empty"));
}

TEST_CASE("no pool gives a pod the gateway of another range", "[ipam][range]") {
  const Range a = made({"10.88.0.0/24", "10.88.0.10", "10.88.0.20", "10.88.0.1", {}});
  const Range b = made({"10.88.0.0/24", "10.88.0.1", "10.88.0.9", "10.88.0.254", {}});
  CHECK_THAT(message([&] {
               check_sets({{a, b}});
             }),
             Catch::Contains("gateway 10.88.0.1 of 10.88.0.0/24 would be given out"));
}

TEST_CASE("the capacity of a pool is the sum of its ranges", "[ipam][range]") {
  const Range a = made({"10.88.0.0/24", "10.88.0.2", "10.88.0.99", "", {}});
  const Range b = made({"10.88.0.0/24", "10.88.0.100", "10.88.0.200", "", {}});
  const Range six = made({"fd88::/64", "", "", "", {}});
  CHECK(capacity({a, b}) == 98 + 101);
  CHECK(text({a, b}) == "10.88.0.2-10.88.0.99,10.88.0.100-10.88.0.200");
  CHECK(capacity({six, six}) == std::uint64_t{1} << 63);
}

TEST_CASE("a node's part of a pool", "[ipam][range]") {
  const RangeSet all = {made({"10.52.0.0/16", "", "", "", {}})};
  const auto part = [&](std::uint8_t prefix, std::uint32_t index) {
    const auto found = part_of(all, prefix, index);
    return found ? text(*found) : "";
  };
  CHECK(part(24, 0) == "10.52.0.2-10.52.0.255");
  CHECK(part(24, 3) == "10.52.3.0-10.52.3.255");
  CHECK(part(24, 255) == "10.52.255.0-10.52.255.254");
  CHECK(part(24, 256).empty());
  CHECK(part(8, 0).empty());
  CHECK(part(32, 1).empty());  // the gateway
  CHECK(part_of({made({"fd52::/64", "", "", "", {}})}, 80, 1)->front().first.str() == "fd52::1:0:0:0");
}

TEST_CASE("what a node keeps for itself: the last address that a pod could have, if another is left", "[ipam][range]") {
  const auto kept = [](const Given& given) {
    RangeSet set = {made(given)};
    const auto own = keep_for_node(set);
    CHECK((!own || (!range_of(set, *own) && set.front().node == own)));
    return (own ? own->str() : "none") + " of " + text(set);
  };
  CHECK(kept({"10.52.0.0/24", "10.52.0.10", "10.52.0.19", "", {}}) == "10.52.0.19 of 10.52.0.10-10.52.0.18");
  CHECK(kept({"10.52.0.0/24", "10.52.0.10", "10.52.0.19", "", {"10.52.0.18/31"}}) ==
        "10.52.0.17 of 10.52.0.10-10.52.0.16");
  CHECK(kept({"fd52::/64", "fd52::10", "fd52::1f", "", {}}) == "fd52::1f of fd52::10-fd52::1e");
  CHECK(kept({"10.52.0.0/24", "10.52.0.10", "10.52.0.10", "", {}}) == "none of 10.52.0.10");
  CHECK(is_whole(made({"10.52.0.0/24", "", "", "", {}})));
  CHECK_FALSE(is_whole(made({"10.52.0.0/24", "10.52.0.10", "", "", {}})));
}
