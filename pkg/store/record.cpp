#include "store/record.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "plan/json_writer.h"
#include "plan/step_json.h"
#include "store/seal.h"

namespace trestle::store {
namespace {

using Json = nlohmann::json;
using plan::JsonObject;

[[noreturn]] void refuse(const std::string& why) { throw base::Error(base::Code::store, why); }

const Json& member(const Json& object, const char* key) {
  if (!object.is_object()) refuse("an object is missing where \"" + std::string(key) + "\" should be");
  const auto it = object.find(key);
  if (it == object.end()) refuse("\"" + std::string(key) + "\" is missing");
  return *it;
}

std::string text_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_string()) refuse("\"" + std::string(key) + "\" must be a string");
  return value.get<std::string>();
}

std::uint64_t number_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_number_unsigned()) refuse("\"" + std::string(key) + "\" must be a whole number");
  return value.get<std::uint64_t>();
}

const Json& array_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_array()) refuse("\"" + std::string(key) + "\" must be an array");
  return value;
}

std::vector<LeaseRef> leases_from(const Json& all) {
  std::vector<LeaseRef> leases;
  for (const Json& one : all)
    leases.push_back({text_of(one, "segment"), net::Ip::parse(text_of(one, "ip")),
                      one.contains("nic") ? static_cast<std::uint32_t>(number_of(one, "nic")) : 0});
  return leases;
}

// salvage_leases() knows this order.
void put_lease(std::string& out, const LeaseRef& lease) {
  JsonObject json(out);
  json("ip", lease.ip.str());
  if (lease.nic != 0) json("nic", lease.nic);
  json("segment", lease.segment);
}

void put_nic(std::string& out, const Nic& nic) {
  JsonObject json(out);
  json("name", nic.name.str())("host", nic.host_link.str())("bridge", nic.bridge.str())("mac", nic.mac.str());
  if (!nic.segment.empty()) json("segment", nic.segment);
  if (!nic.source_routing) json("sourceRouting", false);
}

plan::Delegate delegate_from(const Json& json) {
  return {text_of(json, "type"), text_of(json, "conf"), text_of(json, "args"), text_of(json, "path")};
}

void put(JsonObject& json, const plan::Delegate& delegate) {
  json("type", delegate.type)("conf", delegate.conf)("args", delegate.args)("path", delegate.path);
}

// One object without the NIC's name: of CNI_IFNAME's, the only one that older releases know.
std::string delegates_text(const Record& r) {
  std::string out;
  if (r.delegates.size() == 1 && r.delegates.front().nic.str() == r.owner.ifname) {
    JsonObject json(out);
    put(json, r.delegates.front().delegate);
  } else {
    JsonObject::array(out, r.delegates, [](std::string& to, const Delegated& one) {
      JsonObject json(to);
      put(json, one.delegate);
      json("nic", one.nic.str());
    });
  }
  return out;
}

std::vector<Delegated> delegates_from(const Json& json, const std::string& ifname) {
  if (json.is_null()) return {};
  if (!json.is_array()) return {{net::IfName::parse(ifname), delegate_from(json)}};
  std::vector<Delegated> all;
  for (const Json& one : json) all.push_back({net::IfName::parse(text_of(one, "nic")), delegate_from(one)});
  return all;
}

constexpr const char* kKnown[] = {"schema", "reader", "vm",  "leases", "nics", "segment", "who",
                                  "at",     "mode",   "pod", "parts",  "plan", "result",  "delegate"};

bool known(const std::string& key) {
  return std::any_of(std::begin(kKnown), std::end(kKnown), [&](const char* k) { return key == k; });
}

Record read_record(const Json& json) {
  const Json& who = member(json, "who");
  Record r;
  r.owner = {text_of(who, "network"), text_of(who, "container"), text_of(who, "ifname")};
  r.netns = text_of(who, "netns");
  r.netns_cookie = number_of(who, "cookie");
  r.host_cookie = number_of(who, "host");
  r.boot = text_of(who, "boot");
  r.at = number_of(json, "at");
  r.mode = text_of(json, "mode");
  r.pod = text_of(json, "pod");
  r.segment = text_of(json, "segment");
  if (json.contains("vm")) r.vm = text_of(json, "vm");
  for (const Json& nic : array_of(json, "nics"))
    r.nics.push_back({net::IfName::parse(text_of(nic, "name")), net::IfName::parse(text_of(nic, "host")),
                      net::IfName::parse(text_of(nic, "bridge")), net::Mac::parse(text_of(nic, "mac")),
                      nic.contains("segment") ? text_of(nic, "segment") : std::string(),
                      nic.value("sourceRouting", true)});
  r.leases = leases_from(array_of(json, "leases"));
  for (const Json& part : array_of(json, "parts"))
    r.parts.push_back({net::IfName::parse(text_of(part, "bridge")), text_of(part, "digest")});
  r.plan = plan::steps_from_json(array_of(json, "plan"));
  r.result = member(json, "result");
  if (const auto delegate = json.find("delegate"); delegate != json.end())
    r.delegates = delegates_from(*delegate, r.owner.ifname);
  for (const auto& [key, value] : json.items())
    if (!known(key)) r.unknown[key] = value;
  return r;
}

// The value of a key that stands at the very start of a sealed text, up to its closing bracket.
std::optional<std::string_view> take_array(std::string_view& rest, std::string_view key) {
  if (!rest.starts_with(key)) return std::nullopt;
  rest.remove_prefix(key.size());
  if (rest.empty() || rest.front() != '[') return std::nullopt;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && c == '[')
      ++depth;
    else if (!quoted && c == ']' && --depth == 0) {
      const std::string_view found = rest.substr(0, i + 1);
      rest.remove_prefix(i + 1);
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace

// The leases come first, but for the VM whose they are: what is cut off a file's end costs them last, and outline() finds them without a
// parser.
std::string record_text(const Record& r) {
  std::string text;
  text.reserve(4096);
  {
    JsonObject json(text);
    json("schema", kSchema)("reader", 1);
    if (!r.vm.empty()) json("vm", r.vm);
    json.list("leases", r.leases, put_lease).list("nics", r.nics, put_nic)("segment", r.segment);
    std::string who;
    JsonObject{who}("network", r.owner.network)("container", r.owner.container)("ifname", r.owner.ifname)(
        "netns", r.netns)("cookie", r.netns_cookie)("host", r.host_cookie)("boot", r.boot);
    json.raw("who", who)("at", r.at)("mode", r.mode)("pod", r.pod);
    json.list("parts", r.parts, [](std::string& out, const PartRef& part) {
      JsonObject{out}("bridge", part.bridge.str())("digest", part.digest);
    });
    json.raw("plan", plan::steps_text(r.plan)).raw("result", dump(r.result));
    if (!r.delegates.empty()) json.raw("delegate", delegates_text(r));
    if (r.unknown.is_object())
      for (const auto& [key, value] : r.unknown.items())
        if (!known(key) && key != "sum") json.raw(key, dump(value));
  }
  return seal(std::move(text));
}

Record parse_record(std::string_view text) {
  if (text.size() > kMaxRecord) refuse("it is larger than any record");
  try {
    const Json json = parse_sealed(text);
    if (number_of(json, "reader") > static_cast<std::uint64_t>(kSchema))
      refuse("a newer trestle wrote it, and says that this one must not read it");
    return read_record(json);
  } catch (const Json::exception&) {
    refuse("its JSON has an unexpected shape");
  } catch (const base::Error& e) {
    if (e.code == base::Code::store) throw;
    throw base::Error(base::Code::store, e.what(), e.details);
  }
}

std::optional<Outline> outline(std::string_view text) noexcept try {
  const auto part = sealed_part(text);
  if (!part) return std::nullopt;
  const auto start = part->find(",\"leases\":");
  if (start == std::string_view::npos) return std::nullopt;
  std::string vm;
  constexpr std::string_view kVm = ",\"vm\":";
  if (const auto at = part->substr(0, start).find(kVm); at != std::string_view::npos)
    vm = Json::parse(part->substr(0, start).substr(at + kVm.size())).get<std::string>();
  std::string_view rest = part->substr(start);
  const auto leases = take_array(rest, ",\"leases\":");
  if (!leases) return std::nullopt;
  const auto nics = take_array(rest, ",\"nics\":");
  constexpr std::string_view kSegment = ",\"segment\":";
  if (!nics || !rest.starts_with(kSegment)) return std::nullopt;
  rest.remove_prefix(kSegment.size());
  const auto end = rest.find(",\"who\":");
  if (end == std::string_view::npos) return std::nullopt;
  Outline found;
  found.leases = leases_from(Json::parse(*leases));
  found.segment = Json::parse(rest.substr(0, end)).get<std::string>();
  for (const Json& nic : Json::parse(*nics)) {
    found.macs.push_back(net::Mac::parse(text_of(nic, "mac")));
    found.host_links.push_back(net::IfName::parse(text_of(nic, "host")));
    found.segments.push_back(nic.contains("segment") ? text_of(nic, "segment") : found.segment);
    if (!vm.empty()) found.vms.push_back({vm, text_of(nic, "name")});
  }
  return found;
} catch (...) {
  return std::nullopt;
}

std::optional<net::Owner> salvage_owner(std::string_view text, std::uint64_t owner_hash) noexcept try {
  // The values of these keys wherever they stand: a delegate's configuration may have the same ones.
  constexpr std::size_t kMost = 8;
  const auto values = [&](std::string_view key) {
    std::vector<std::string> found;
    for (std::size_t at = text.find(key); at != std::string_view::npos && found.size() < kMost;
         at = text.find(key, at)) {
      at += key.size();
      found.emplace_back(text.substr(at, text.substr(at).find('"')));
    }
    return found;
  };
  const auto networks = values(R"("network":")"), ifnames = values(R"("ifname":")");
  for (const std::string& container : values(R"("container":")"))
    for (const std::string& network : networks)
      for (const std::string& ifname : ifnames)
        if (const net::Owner owner{network, container, ifname}; net::owner_hash(owner) == owner_hash) return owner;
  return std::nullopt;
} catch (...) {
  return std::nullopt;
}

std::vector<LeaseRef> salvage_leases(std::string_view text) noexcept try {
  constexpr std::size_t kMost = 256, kLongest = 49;
  std::vector<LeaseRef> found;
  std::vector<std::string_view> pieces;
  for (text = text.substr(0, kMaxRecord); !text.empty();) {
    const std::size_t n = std::min(text.find('"'), text.size());
    pieces.push_back(text.substr(0, n));
    text.remove_prefix(std::min(n + 1, text.size()));
  }
  for (std::size_t i = 0; i < pieces.size() && found.size() < kMost; ++i) {
    if (pieces[i].size() > kLongest) continue;
    const auto ip = net::Ip::try_parse(pieces[i].substr(0, pieces[i].find('/')));
    if (!ip || ip->is_unspecified()) continue;
    // {"ip":"10.88.0.2","segment":"trdemo"}, cut at the quotes; with "nic":1 in between it is two pieces more
    std::size_t at = i + 2;
    if (at < pieces.size() && pieces[at] == "nic") at += 2;
    const bool told = i >= 2 && at + 2 < pieces.size() && pieces[i - 2] == "ip" && pieces[at] == "segment";
    LeaseRef lease{told ? std::string(pieces[at + 2]) : std::string(), *ip};
    const auto same = [&](const LeaseRef& other) {
      return other.ip == lease.ip && (lease.segment.empty() || other == lease);
    };
    if (std::none_of(found.begin(), found.end(), same)) found.push_back(std::move(lease));
  }
  return found;
} catch (...) {
  return {};
}

}  // namespace trestle::store
