#include "cli/attachments.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace trestle;
using namespace trestle::cli;

namespace {

store::Record record(const char* container, const char* pod, const char* ifname, const char* link, const char* mac,
                     const char* ip) {
  store::Record out;
  out.owner = {"demo", container, ifname};
  out.pod = pod;
  out.nics = {
      {net::IfName::parse(ifname), net::IfName::parse(link), net::IfName::parse("trdemo"), net::Mac::parse(mac)}};
  out.leases = {{"trdemo", net::Ip::parse(ip)}};
  return out;
}

std::vector<store::Record> all() {
  return {record("0123456789abcdef", "default/web", "eth0", "veth0", "02:00:00:00:00:01", "10.88.0.2"),
          record("0123456789abcdef", "default/web", "net1", "veth1", "02:00:00:00:00:02", "fd88::2"),
          record("0123999999999999", "other/web", "eth0", "veth2", "02:00:00:00:00:03", "10.88.0.3"),
          record("veth1", "", "eth0", "veth3", "02:00:00:00:00:04", "10.88.0.4")};
}

std::string links(const std::string& word) {
  std::string out;
  for (const store::Record& found : matching(all(), word))
    out += (out.empty() ? "" : " ") + found.nics.front().host_link.str();
  return out;
}

}  // namespace

TEST_CASE("an attachment is found by whatever a person has of it", "[cli][matching]") {
  struct Row {
    const char* word;
    const char* links;
  };
  const auto row = GENERATE(values<Row>({
      {"0123456789abcdef", "veth0 veth1"},
      {"01234", "veth0 veth1"},
      {"default/web", "veth0 veth1"},
      {"web", "veth0 veth1 veth2"},
      {"veth0", "veth0"},
      {"veth1", "veth3"},  // a container id goes before a host link
      {"10.88.0.3", "veth2"},
      {"fd88:0::2", "veth1"},
      {"02:00:00:00:00:04", "veth3"},
  }));
  CAPTURE(row.word);
  CHECK(links(row.word) == row.links);
}

TEST_CASE("what names nothing, or too much, is refused", "[cli][matching]") {
  CHECK_THROWS_WITH(matching(all(), "nobody"), "nothing is attached under 'nobody'");
  CHECK_THROWS_WITH(matching(all(), "012"), "nothing is attached under '012'");
  CHECK_THROWS_WITH(matching(all(), "0123"), "several containers begin with '0123'; give more of the id");
  CHECK_THROWS_WITH(matching(all(), ""), "nothing is attached under ''");
  CHECK_THROWS_WITH(matching({}, "web"), "nothing is attached under 'web'");
  CHECK_THROWS_WITH(matching(all(), "eb"), "nothing is attached under 'eb'");
}

TEST_CASE("addresses show with the prefix length that the plan gives them", "[cli][matching]") {
  store::Record one = all().front();
  CHECK(addresses_of(one) == std::vector<std::string>{"10.88.0.2"});
  one.plan = {plan::Address{{plan::Where::pod, net::IfName::parse("eth0")}, net::Cidr::parse("10.88.0.2/16")}};
  CHECK(addresses_of(one) == std::vector<std::string>{"10.88.0.2/16"});
}
