#pragma once
// The result of an ADD, built as 1.1.0 and printed in the version that the config speaks; the prevResult of a chain is read
// into the same value.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "net/ip.h"

namespace trestle::cni {

struct Interface {
  std::string name;
  std::string mac;                       // as text: a chained plugin's may be empty
  std::optional<std::uint32_t> mtu;
  std::string sandbox;                   // "" = host
  std::string socket_path, pci_id;
  bool operator==(const Interface&) const = default;
};

struct ResultIp {
  net::Cidr address;
  std::optional<net::Ip> gateway;
  std::optional<std::uint32_t> interface;  // index into interfaces
  bool operator==(const ResultIp&) const = default;
};

struct ResultRoute {
  net::Cidr dst;
  std::optional<net::Ip> gw;
  std::optional<std::uint32_t> mtu, advmss, priority, table, scope;   // 0 is meaningful in table and scope
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
// The document for stdout in `version` (cni.md 1.5). Object keys in the specification's order are not promised.
nlohmann::json to_json(const Result& result, const std::string& version);
// Reads any supported shape; `version` is the config's and holds where the document has no cniVersion of its own.
// Accepts 1.0.0 inside 1.1.0 and any mix of 0.3.0-0.4.0. Throws Error{decode} with the path.
Result result_from_json(const nlohmann::json& json, const std::string& version);
// {"cniVersion","code","msg","details"} on one line; total: never throws but bad_alloc, whatever bytes are in the texts.
std::string error_json(const std::string& version, int code, const std::string& msg, const std::string& details);
// The same into a caller's buffer without allocating, for std::bad_alloc. Returns the length.
std::size_t error_json_static(char* buffer, std::size_t size, int code, const char* msg) noexcept;

}  // namespace trestle::cni
