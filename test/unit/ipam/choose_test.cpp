#include "ipam/choose.h"

#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <set>

#include "base/error.h"

using namespace trestle;
using namespace trestle::ipam;
using net::Cidr;
using net::Ip;
using net::U128;

namespace {

Range range(const std::string& subnet, const std::string& first = "", const std::string& last = "",
            const std::string& gateway = "", const std::vector<std::string>& exclude = {}) {
  RangeSpec spec;
  spec.subnet = Cidr::parse(subnet);
  if (!first.empty()) spec.first = Ip::parse(first);
  if (!last.empty()) spec.last = Ip::parse(last);
  if (!gateway.empty()) spec.gateway = Ip::parse(gateway);
  for (const std::string& text : exclude) spec.exclude.push_back(Cidr::parse(text));
  return make_range(spec, "test");
}

// What the store brings: chunks of bits, made when first needed. Counts how often it is asked.
class Bits {
 public:
  void take(const Ip& ip) { map(ip)[bit(ip) / 64] |= std::uint64_t{1} << (bit(ip) % 64); }
  void release(const Ip& ip) { map(ip)[bit(ip) / 64] &= ~(std::uint64_t{1} << (bit(ip) % 64)); }
  std::function<Chunk(const Ip&)> used() {
    return [this](const Ip& base) -> Chunk {
      ++asked;
      CHECK(base.value % 4096 == 0);
      const auto at = chunks_.find(base.value);
      return at == chunks_.end() ? nullptr : at->second.data();
    };
  }
  std::optional<Ip> next(const RangeSet& set, const std::optional<Ip>& cursor) {
    return next_free(set, cursor, used());
  }
  int asked = 0;

 private:
  static std::size_t bit(const Ip& ip) { return static_cast<std::size_t>(ip.value % 4096); }
  std::array<std::uint64_t, 64>& map(const Ip& ip) { return chunks_[ip.value - ip.value % 4096]; }
  std::map<U128, std::array<std::uint64_t, 64>> chunks_;
};

std::string str(const std::optional<Ip>& ip) { return ip ? ip->str() : "full"; }

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

TEST_CASE("addresses come round robin, each once, and then the pool is full", "[ipam][choose]") {
  const auto set = GENERATE(values<RangeSet>({
      {range("10.88.0.0/24")},
      {range("10.88.0.0/24", "10.88.0.10", "10.88.0.20", "10.88.0.15")},
      {range("10.88.16.0/20")},                               // fills a chunk
      {range("10.88.0.0/19", "10.88.15.250", "10.88.16.5")},  // ends in the next,
      {range("10.88.0.0/24", "10.88.0.10", "10.88.0.20"), range("10.88.0.0/24", "10.88.0.2", "10.88.0.5"),
       range("10.90.0.0/29")},
      {range("10.88.0.0/26", "", "", "", {"10.88.0.8/29", "10.88.0.32/28"})},
      {range("10.88.0.4/31")},
      {range("10.88.0.4/32")},
      {range("fd88::4/127")},
      {range("fd88::4/128")},
      {range("fd88::/120")},
      {range("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120", "", "", "fd00::1")},
  }));
  CAPTURE(text(set));
  Bits bits;
  std::optional<Ip> cursor;
  std::set<Ip> seen;
  while (const auto ip = bits.next(set, cursor)) {
    REQUIRE(range_of(set, *ip) != nullptr);
    REQUIRE(seen.insert(*ip).second);
    bits.take(*ip);
    cursor = ip;
  }
  CHECK(seen.size() == capacity(set));

  // Whatever comes free is found from wherever the cursor stands.
  for (const Ip& free : {*seen.begin(), *seen.rbegin()}) {
    bits.release(free);
    for (const Ip& at : {*seen.begin(), *seen.rbegin(), free}) CHECK(str(bits.next(set, at)) == free.str());
    CHECK(str(bits.next(set, std::nullopt)) == free.str());
    bits.take(free);
  }
}

TEST_CASE("a released address is not given again before the rest of the pool", "[ipam][choose]") {
  const RangeSet set{range("10.88.0.0/29")};  // .2 to .6
  Bits bits;
  CHECK(str(bits.next(set, Ip::parse("10.88.0.4"))) == "10.88.0.5");
  CHECK(str(bits.next(set, Ip::parse("10.88.0.6"))) == "10.88.0.2");
  bits.take(Ip::parse("10.88.0.5"));
  CHECK(str(bits.next(set, Ip::parse("10.88.0.4"))) == "10.88.0.6");
}

TEST_CASE("several ranges of a pool are used in the config's order", "[ipam][choose]") {
  const RangeSet set{range("10.90.0.0/24", "10.90.0.5", "10.90.0.6"), range("10.88.0.0/24", "10.88.0.5", "10.88.0.6")};
  Bits bits;
  std::string order;
  std::optional<Ip> cursor;
  for (int i = 0; i < 5; ++i) {
    cursor = bits.next(set, cursor);
    order += str(cursor) + " ";
  }
  CHECK(order == "10.90.0.5 10.90.0.6 10.88.0.5 10.88.0.6 10.90.0.5 ");
}

TEST_CASE("a cursor that the config left behind starts the pool anew", "[ipam][choose]") {
  const RangeSet set{range("10.88.0.0/24")};
  Bits bits;
  CHECK(str(bits.next(set, Ip::parse("10.99.0.7"))) == "10.88.0.2");
  CHECK(str(bits.next(set, Ip::parse("fd88::7"))) == "10.88.0.2");
  CHECK(str(bits.next(set, Ip::parse("10.88.0.255"))) == "10.88.0.2");
}

TEST_CASE("the size of a pool costs nothing: chunks are looked at, not addresses", "[ipam][choose]") {
  const std::string subnet = GENERATE(as<std::string>{}, "10.0.0.0/8", "fd88::/64", "8000::/1");
  const RangeSet set{range(subnet)};
  Bits bits;
  const Ip base = Cidr::parse(subnet).first();
  for (unsigned i = 0; i < 3 * 4096; ++i) bits.take({base.family, base.value + i});
  CHECK(str(bits.next(set, std::nullopt)) == Ip{base.family, base.value + 3 * 4096}.str());
  CHECK(bits.asked <= 5);
}

TEST_CASE("the very last address there is can be given out, and then the search ends", "[ipam][choose]") {
  const RangeSet set{range("8000::/1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "")};
  Bits bits;
  CHECK(str(bits.next(set, std::nullopt)) == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  bits.take(*bits.next(set, std::nullopt));
  CHECK(str(bits.next(set, std::nullopt)) == "full");
  CHECK(str(bits.next(set, Ip::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))) == "full");

  const RangeSet four{range("255.255.255.0/24", "", "", "10.0.0.1")};
  CHECK(str(bits.next(four, Ip::parse("255.255.255.253"))) == "255.255.255.254");
  CHECK(str(bits.next(four, Ip::parse("255.255.255.254"))) == "255.255.255.1");
}

TEST_CASE("requested addresses find their pools, the other pools give what is free", "[ipam][choose]") {
  const std::vector<RangeSet> sets{{range("10.88.0.0/16")}, {range("fd88::/64")}};
  const auto shown = [&](const std::vector<std::string>& asked) {
    std::vector<Cidr> requested;
    for (const std::string& text : asked)
      requested.push_back(text.find('/') == std::string::npos ? Cidr::host(Ip::parse(text)) : Cidr::parse(text));
    std::string out;
    for (const Want& want : match(sets, requested)) {
      CHECK(want.set == &sets[out.empty() ? 0 : 1]);
      out += (want.wanted ? want.wanted->str() : "any") + " ";
    }
    return out;
  };
  CHECK(shown({}) == "any any ");
  CHECK(shown({"10.88.7.7"}) == "10.88.7.7 any ");
  CHECK(shown({"fd88::7"}) == "any fd88::7 ");
  CHECK(shown({"fd88::7/64", "10.88.7.7/16"}) == "10.88.7.7 fd88::7 ");
  CHECK(shown({"10.88.7.7/32"}) == "10.88.7.7 any ");
}

TEST_CASE("a request that no pool can serve says why", "[ipam][choose]") {
  const std::vector<RangeSet> sets{{range("10.88.0.0/24", "10.88.0.2", "10.88.0.99", "", {"10.88.0.8/30"})},
                                   {range("fd88::/64")}};
  struct Case {
    std::vector<std::string> asked;
    std::string says;
  };
  const auto c = GENERATE(values<Case>({
      {{"10.88.0.1"}, "10.88.0.1 is the gateway of 10.88.0.0/24"},
      {{"10.88.0.9"}, "10.88.0.9 is excluded by 10.88.0.8/30"},
      {{"10.88.0.200"}, "lies in no range of the network: 10.88.0.2-10.88.0.99; fd88::2-"},
      {{"10.99.0.1"}, "lies in no range"},
      {{"::1"}, "lies in no range"},
      {{"10.88.0.5/16"}, "prefix length /16, but its subnet is 10.88.0.0/24"},
      {{"10.88.0.5", "10.88.0.6"}, "10.88.0.6 and 10.88.0.5 are both of the pool"},
      {{"10.88.0.5", "10.88.0.5"}, "both of the pool"},
  }));
  std::vector<Cidr> requested;
  for (const std::string& text : c.asked)
    requested.push_back(text.find('/') == std::string::npos ? Cidr::host(Ip::parse(text)) : Cidr::parse(text));
  CHECK_THAT(message([&] { match(sets, requested); }), Catch::Contains(c.says));
  CHECK_THAT(message([] { match({}, {Cidr::parse("10.0.0.1/32")}); }), Catch::Contains("no address ranges"));
}

TEST_CASE("a preferred address is one that the pool can give, the same every time, and all of them occur",
          "[ipam][vm]") {
  const RangeSet small = {range("10.88.0.0/29", "", "", "", {"10.88.0.3/32"}), range("10.99.0.0/30")};
  std::set<Ip> seen;
  for (std::uint64_t hash = 0; hash < 100; ++hash) {
    const Ip ip = preferred(small, hash * 0x9e3779b97f4a7c15U);
    CHECK(range_of(small, ip) != nullptr);
    CHECK(preferred(small, hash * 0x9e3779b97f4a7c15U) == ip);
    seen.insert(ip);
  }
  CHECK(seen.size() == capacity(small));
  const RangeSet huge = {range("fd88::/64")};
  CHECK(preferred(huge, 0) == Ip::parse("fd88::2"));
  CHECK(preferred(huge, ~std::uint64_t{0}) == Ip::parse("fd88::10:1"));
  CHECK(preferred({range("10.0.0.1/32")}, 12345) == Ip::parse("10.0.0.1"));
}
