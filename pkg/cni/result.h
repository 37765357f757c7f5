#pragma once
// The result of an ADD, built as 1.1.0 and printed in the version that the config speaks; the prevResult of a chain is read
// into the same value.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "net/ip.h"

namespace trestle::cni {

struct Interface {
  std::string name;
  std::string mac;  // as text: a chained plugin's may be empty
  std::optional<std::uint32_t> mtu;
  std::string sandbox;  // "" = host
  std::string socket_path, pci_id;
  bool operator==(const Interface&) const = default;
};

struct ResultIp {
  net::Cidr address;
  std::optional<net::Ip> gateway;
  std::optional<std::uint32_t> interface;  // index into Result::interfaces
  bool operator==(const ResultIp&) const = default;
};

struct ResultRoute {
  net::Cidr dst;
  std::optional<net::Ip> gw;
  std::optional<std::uint32_t> mtu, advmss, priority, table, scope;  // 0 is meaningful in table and scope only
  bool operator==(const ResultRoute&) const = default;
};

struct Dns {
  std::vector<std::string> nameservers, search, options;
  std::string domain;
  bool empty() const { return nameservers.empty() && search.empty() && options.empty() && domain.empty(); }
  bool operator==(const Dns&) const = default;
};

struct Result {
  std::vector<Interface> interfaces;
  std::vector<ResultIp> ips;
  std::vector<ResultRoute> routes;
  Dns dns;
  bool operator==(const Result&) const = default;
};

// The seven versions we speak, oldest first: 0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0.
const std::vector<std::string>& supported_versions();
// "" means 0.1.0. Throws Error{incompatible_version} "incompatible CNI versions" with details as the reference words them.
std::string check_version(const std::string& version);
// CHECK needs 0.4.0, GC and STATUS 1.1.0: throws Error{incompatible_version} "config version does not allow CHECK".
void check_gate(const std::string& version, const char* verb, const char* least);
// Compares two of supported_versions(): true when `version` is `least` or newer.
bool at_least(const std::string& version, const char* least);

// Throws Error{bad_config} when `result` cannot be said in `version` (0.1.0 and 0.2.0: no address, or two of one family).
// ADD asks this before it touches the kernel.
void check_expressible(const Result& result, const std::string& version);
// The document for stdout in `version`. 0.1.0 and 0.2.0: ip4 and ip6, the first address of each family with its routes' dst and gw.
// 0.3.0 to 0.4.0: interfaces without mtu, socketPath, pciID; ips with their version; routes with dst and gw. 1.0.0 and 1.1.0: all
// that is set, as in the reference library, which has one shape for both; but an interface's mtu from 1.1.0 only, where it was defined.
// Keys in the specification's order are not promised. Throws as check_expressible() where an old version has no address to give.
nlohmann::json to_json(const Result& result, const std::string& version);
// Reads any supported shape; `version` is the config's and holds where the document has no cniVersion of its own.
// Accepts within 0.1.0-0.2.0, 0.3.0-0.4.0 and 1.0.0-1.1.0 any mix, as the reference does. Empty texts and nulls are absent.
// Throws Error{decode} with the path ("ips[0].address: ..."), also for an interface index that points nowhere.
Result result_from_json(const nlohmann::json& json, const std::string& version);
// {"cniVersion","code","msg","details"} on one line (details only when there are any); total: never throws but bad_alloc, whatever
// bytes are in the texts. Control characters become '?' (but line ends in details), bytes that are no UTF-8 U+FFFD; a version we do
// not speak becomes the newest.
std::string error_json(const std::string& version, int code, const std::string& msg, const std::string& details);
// The same into a caller's buffer without allocating, for std::bad_alloc: `msg` is cut to what fits and is ASCII afterwards.
// Returns the length, 0 when `size` is too small for any document (96 bytes always do). No NUL is written.
std::size_t error_json_static(char* buffer, std::size_t size, int code, const char* msg) noexcept;

}  // namespace trestle::cni
