#include "cni/result.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "error_of.h"

using nlohmann::json;
using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::check_expressible;
using trestle::cni::Dns;
using trestle::cni::Result;
using trestle::cni::result_from_json;
using trestle::cni::supported_versions;
using trestle::cni::to_json;
using trestle::net::Cidr;
using trestle::net::Ip;
using namespace std::string_literals;

namespace {

// Every field of every struct is set somewhere.
Result full() {
  Result r;
  r.interfaces = {{"trnet", "02:00:00:00:00:01", 1450, "", "", ""},
                  {"eth0", "02:00:00:00:00:02", 1450, "/run/netns/box", "/run/vhost.sock", "0000:04:00.5"},
                  {"bare", "", {}, "", "", ""}};
  r.ips = {{Cidr::parse("10.88.0.2/16"), Ip::parse("10.88.0.1"), 1},
           {Cidr::parse("fd88::2/64"), Ip::parse("fd88::1"), 0}};
  r.routes = {{Cidr::parse("0.0.0.0/0"), Ip::parse("10.88.0.1"), 1400, 1360, 100, 0, 0},
              {Cidr::parse("192.0.2.0/24"), {}, {}, {}, {}, 254, 253},
              {Cidr::parse("::/0"), Ip::parse("fd88::1"), {}, {}, {}, {}, {}}};
  r.dns = {{"10.88.0.1", "fd88::1"}, {"svc.example", "example"}, {"ndots:5"}, "example"};
  return r;
}

Result layer2() {
  Result r;
  r.interfaces = {{"eth0", "02:00:00:00:00:02", {}, "/run/netns/box", "", ""}};
  return r;
}

const char* const kOldest = R"({
  "cniVersion": "VERSION",
  "ip4": {"ip": "10.88.0.2/16", "gateway": "10.88.0.1",
          "routes": [{"dst": "0.0.0.0/0", "gw": "10.88.0.1"}, {"dst": "192.0.2.0/24"}]},
  "ip6": {"ip": "fd88::2/64", "gateway": "fd88::1", "routes": [{"dst": "::/0", "gw": "fd88::1"}]},
  "dns": {"nameservers": ["10.88.0.1", "fd88::1"], "domain": "example", "search": ["svc.example", "example"], "options": ["ndots:5"]}
})";
const char* const kMiddle = R"({
  "cniVersion": "VERSION",
  "interfaces": [{"name": "trnet", "mac": "02:00:00:00:00:01"},
                 {"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/run/netns/box"},
                 {"name": "bare"}],
  "ips": [{"version": "4", "interface": 1, "address": "10.88.0.2/16", "gateway": "10.88.0.1"},
          {"version": "6", "interface": 0, "address": "fd88::2/64", "gateway": "fd88::1"}],
  "routes": [{"dst": "0.0.0.0/0", "gw": "10.88.0.1"}, {"dst": "192.0.2.0/24"}, {"dst": "::/0", "gw": "fd88::1"}],
  "dns": {"nameservers": ["10.88.0.1", "fd88::1"], "domain": "example", "search": ["svc.example", "example"], "options": ["ndots:5"]}
})";
// At 1.0.0 without the mtu of interfaces.
const char* const kNewest = R"({
  "cniVersion": "VERSION",
  "interfaces": [{"name": "trnet", "mac": "02:00:00:00:00:01", "mtu": 1450},
                 {"name": "eth0", "mac": "02:00:00:00:00:02", "mtu": 1450, "sandbox": "/run/netns/box",
                  "socketPath": "/run/vhost.sock", "pciID": "0000:04:00.5"},
                 {"name": "bare"}],
  "ips": [{"interface": 1, "address": "10.88.0.2/16", "gateway": "10.88.0.1"},
          {"interface": 0, "address": "fd88::2/64", "gateway": "fd88::1"}],
  "routes": [{"dst": "0.0.0.0/0", "gw": "10.88.0.1", "mtu": 1400, "advmss": 1360, "priority": 100, "table": 0, "scope": 0},
             {"dst": "192.0.2.0/24", "table": 254, "scope": 253},
             {"dst": "::/0", "gw": "fd88::1"}],
  "dns": {"nameservers": ["10.88.0.1", "fd88::1"], "domain": "example", "search": ["svc.example", "example"], "options": ["ndots:5"]}
})";

json golden(const char* text, const std::string& version) {
  json out = json::parse(text);
  out["cniVersion"] = version;
  return out;
}

}  // namespace

TEST_CASE("each version's result has exactly that version's shape", "[cni][result]") {
  for (const char* version : {"0.1.0", "0.2.0"}) CHECK(to_json(full(), version) == golden(kOldest, version));
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0"}) CHECK(to_json(full(), version) == golden(kMiddle, version));
  CHECK(to_json(full(), "1.1.0") == golden(kNewest, "1.1.0"));
  json without_mtu = golden(kNewest, "1.0.0");
  for (json& nic : without_mtu["interfaces"]) nic.erase("mtu");
  CHECK(to_json(full(), "1.0.0") == without_mtu);
}

TEST_CASE("what is not there is not printed, but for dns before 1.0.0", "[cni][result]") {
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0"})
    CHECK(to_json({}, version) == json({{"cniVersion", version}, {"dns", json::object()}}));
  for (const char* version : {"1.0.0", "1.1.0"})
    CHECK(to_json({}, version) == json::parse("{\"cniVersion\":\"" + std::string(version) + "\"}"));
  CHECK(to_json(layer2(), "1.1.0") == json::parse(R"({"cniVersion":"1.1.0","interfaces":[
      {"name":"eth0","mac":"02:00:00:00:00:02","sandbox":"/run/netns/box"}]})"));
  CHECK(to_json(layer2(), "0.4.0") == json::parse(R"({"cniVersion":"0.4.0","dns":{},"interfaces":[
      {"name":"eth0","mac":"02:00:00:00:00:02","sandbox":"/run/netns/box"}]})"));
}

TEST_CASE("0.1.0 and 0.2.0 lose the routes of a family that has no address", "[cni][result]") {
  Result r;
  r.ips = {{Cidr::parse("fd88::2/64"), {}, {}}};
  r.routes = {{Cidr::parse("0.0.0.0/0"), {}, {}, {}, {}, {}, {}}};
  CHECK(to_json(r, "0.2.0") == json::parse(R"({"cniVersion":"0.2.0","dns":{},"ip6":{"ip":"fd88::2/64"}})"));
}

TEST_CASE("a result that an old version cannot say is refused before anything is made", "[cni][result]") {
  Result two4 = full(), two6 = full();
  two4.ips.push_back({Cidr::parse("10.89.0.2/16"), {}, {}});
  two6.ips.push_back({Cidr::parse("fd89::2/64"), {}, {}});
  struct Bad {
    Result result;
    std::string message;
  };
  const Bad bad[] = {{layer2(), "cannot convert: no valid IP addresses"},
                     {{}, "cannot convert: no valid IP addresses"},
                     {two4, "cannot convert: more than one IPv4 address"},
                     {two6, "cannot convert: more than one IPv6 address"}};
  for (const Bad& b : bad) {
    CAPTURE(b.message);
    for (const char* version : {"0.1.0", "0.2.0"}) {
      const Error e = error_of([&] {
        check_expressible(b.result, version);
        return 0;
      });
      CHECK(e.code == Code::bad_config);
      CHECK(e.what() == b.message);
      CHECK_FALSE(e.details.empty());
    }
    for (const char* version : {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"})
      CHECK_NOTHROW(check_expressible(b.result, version));
  }
  for (const std::string& version : supported_versions()) CHECK_NOTHROW(check_expressible(full(), version));
  CHECK(error_of([] { return to_json(layer2(), "0.2.0"); }).what() == "cannot convert: no valid IP addresses"s);
}

TEST_CASE("a result that was printed is read back as it was", "[cni][result]") {
  CHECK(result_from_json(to_json(full(), "1.1.0"), "1.1.0") == full());
  for (const char* version : {"1.0.0", "1.1.0"}) {
    CHECK(result_from_json(to_json(layer2(), version), version) == layer2());
    CHECK(result_from_json(to_json({}, version), version) == Result{});
  }
}

TEST_CASE("printing, reading and printing again changes nothing in any version", "[cni][result]") {
  for (const std::string& version : supported_versions()) {
    CAPTURE(version);
    const json once = to_json(full(), version);
    CHECK(to_json(result_from_json(once, version), version) == once);
  }
}
