#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "fixture.h"
#include "store/record.h"
#include "store/seal.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

Record sample() {
  const plan::LeasedIp v4{net::Cidr::parse("10.88.0.7/24"), net::Ip::parse("10.88.0.1")};
  const plan::LeasedIp v6{net::Cidr::parse("fd88::7/64"), net::Ip::parse("fd88::1")};
  Ask ask;
  ask.parts = {{bridge(), "0123456789abcdef"}};
  Record r = make_record(pod(1), {v4, v6}, net::Mac::parse("02:00:00:00:00:07"), ask);
  r.leases = {{"trdemo", v4.cidr.ip}, {"trdemo", v6.cidr.ip}};
  r.segment = "trdemo";
  return r;
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = unseal(record_text(sample())).value();
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return seal(text.replace(at, from.size(), to));
}

}  // namespace

TEST_CASE("a record reads back as it was written", "[store][record]") {
  Record r = sample();
  r.nics.front().source_routing = GENERATE(true, false);
  const std::string text = record_text(r);
  const Record back = parse_record(text);
  CHECK(back.owner == r.owner);
  CHECK(back.netns == r.netns);
  CHECK(back.netns_cookie == 17);
  CHECK(back.host_cookie == r.host_cookie);
  CHECK(back.boot == r.boot);
  CHECK(back.at == r.at);
  CHECK(back.nics == r.nics);
  CHECK(back.leases == r.leases);
  CHECK(back.parts == r.parts);
  CHECK(back.plan == r.plan);
  CHECK(back.result == r.result);
  CHECK(back.segment == "trdemo");
  CHECK(record_text(back) == text);
}

TEST_CASE("a record is one line of JSON that jq can read, its checksum last", "[store][record]") {
  const std::string text = record_text(sample());
  const auto json = nlohmann::json::parse(text);
  CHECK(json.at("schema") == 1);
  CHECK(json.at("reader") == 1);
  CHECK(json.at("who").at("container") == "pod1");
  CHECK(json.at("sum").get<std::string>().size() == 16);
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("a record that an older build sealed is read", "[store][record]") {
  std::string text = record_text(sample());
  text.erase(text.rfind(",\"sum\":"));
  text += ",\"sum\":\"" + base::hex(base::hash64(text), 16) + "\"}\n";
  CHECK(parse_record(text).owner == sample().owner);
}

TEST_CASE("keys of a newer schema live through a rewrite", "[store][record]") {
  const std::string text = with(R"("mode":"nat")", R"("mode":"nat","sooner":{"type":"dhcp"},"later":[1,2])");
  const Record r = parse_record(text);
  CHECK(r.unknown == nlohmann::json{{"sooner", {{"type", "dhcp"}}}, {"later", {1, 2}}});
  CHECK(parse_record(record_text(r)).unknown == r.unknown);
}

TEST_CASE("a delegate is in the record with all that its DEL needs", "[store][record]") {
  Record r = sample();
  r.delegates = {
      {r.nics.front().name, {"dhcp", R"({"name":"a","ipam":{"type":"dhcp"}})", "IP=10.0.0.1", "/opt/cni/bin"}}};
  CHECK(parse_record(record_text(r)).delegates == r.delegates);
  CHECK(parse_record(record_text(sample())).delegates.empty());
}

TEST_CASE("a text that is no UTF-8 does not spoil the record", "[store][record]") {
  Record r = sample();
  r.netns = "/run/netns/\xff\xfe";
  CHECK_NOTHROW(parse_record(record_text(r)));
}

TEST_CASE("a record that is not whole is refused with the store's code", "[store][record]") {
  const auto [from, to] = GENERATE(table<std::string, std::string>({
      {R"("reader":1)", R"("reader":2)"},
      {R"("reader":1)", R"("reader":-1)"},
      {R"("reader":1)", R"("reader":1.5)"},
      {R"("at":)", R"("ta":)"},
      {R"("at":1234567890123)", R"("at":"now")"},
      {R"("netns":)", R"("netns":5,"x":)"},
      {R"("mac":"02:00:00:00:00:07")", R"("mac":"02:00")"},
      {R"("name":"eth0")", R"("name":"../eth0")"},
      {R"("ip":"10.88.0.7")", R"("ip":"10.88.0.777")"},
      {R"("ip":"10.88.0.7")", R"("ip":null)"},
      {R"("parts":[)", R"("parts":[7,)"},
      {R"("plan":[)", R"("plan":[{"step":"no such step"},)"},
      {R"("plan":[)", R"("plan":[[[[[[[[)"},
      {R"("who":{)", R"("who":[],"x":{)"},
      {R"("result":)", R"("result":}{)"},
  }));
  CAPTURE(from, to);
  try {
    parse_record(with(from, to));
    FAIL("accepted");
  } catch (const base::Error& e) {
    CHECK(e.code == base::Code::store);
  }
}

TEST_CASE("nesting that would break a JSON writer is refused", "[store][record]") {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  CHECK_THROWS_AS(parse_record(with(R"("result":)", R"("more":)" + deep + R"(,"result":)")), base::Error);
}

TEST_CASE("every flipped byte and every cut of a record is noticed", "[store][record]") {
  const std::string text = record_text(sample());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char flip : {'\x01', '\x20', '\x80'}) {
      std::string bad = text;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      REQUIRE_THROWS_AS(parse_record(bad), base::Error);
      REQUIRE_FALSE(outline(bad));
    }
    REQUIRE_THROWS_AS(parse_record(text.substr(0, i)), base::Error);
  }
}

TEST_CASE("the outline tells addresses, MACs and segment without the rest", "[store][record]") {
  const auto seen = outline(record_text(sample()));
  REQUIRE(seen);
  CHECK(seen->leases == sample().leases);
  CHECK(seen->macs == std::vector{net::Mac::parse("02:00:00:00:00:07")});
  CHECK(seen->segment == "trdemo");
  CHECK(seen->host_links == std::vector<net::IfName>{sample().nics.at(0).host_link});
  CHECK_FALSE(outline(R"({"schema":1})"));
  CHECK_FALSE(outline(""));
}

TEST_CASE("after any one flipped byte the addresses of a record can still be saved", "[store][record]") {
  const std::string text = record_text(sample());
  const auto saves = [&](const std::string& bad, const char* ip) {
    const auto found = salvage_leases(bad);
    return std::any_of(found.begin(), found.end(), [&](const LeaseRef& l) { return l.ip == net::Ip::parse(ip); });
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string bad = text;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    CAPTURE(i);
    REQUIRE(saves(bad, "10.88.0.7"));
    REQUIRE(saves(bad, "fd88::7"));
  }
}

TEST_CASE("salvage takes any bytes", "[store][record]") {
  const auto text = GENERATE(as<std::string>{}, "", "\"", "\"\"\"", "{}", std::string(5, '\0'), std::string(300, '"'),
                             "\"10.0.0.1", "\"ip\":\"10.0.0.1", R"("ip":"::ffff:1.2.3.4")", R"("0.0.0.0/0")");
  CHECK(salvage_leases(text).size() <= 1);
  CHECK(salvage_leases(R"({"ip":"10.0.0.1","segment":"tr7"})") ==
        std::vector<LeaseRef>{{"tr7", net::Ip::parse("10.0.0.1")}});
}

TEST_CASE("a damaged record tells its owner where the file's name proves it", "[store][record]") {
  const Record r = sample();
  const std::uint64_t hash = net::owner_hash(r.owner);
  std::string text = record_text(r);
  text.replace(text.find("\"mode\""), 6, "\"mo\xff\"");
  CHECK_THROWS_AS(parse_record(text), base::Error);
  CHECK(salvage_owner(text, hash) == r.owner);
  CHECK_FALSE(salvage_owner(text, hash + 1));
  CHECK(salvage_owner(R"("network":"x","container":"x","ifname":"x",)" + text, hash) == r.owner);
  for (const std::size_t length : {std::size_t{0}, std::size_t{20}, text.find("\"network\":")}) {
    CAPTURE(length);
    CHECK_FALSE(salvage_owner(text.substr(0, length), hash));
  }
}
