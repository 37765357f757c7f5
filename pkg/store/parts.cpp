#include "store/parts.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "plan/json_writer.h"
#include "plan/step_json.h"
#include "store/census.h"
#include "store/seal.h"

namespace trestle::store {
namespace {

using Json = nlohmann::json;

constexpr const char* kSwitches = "switches";
constexpr const char* kFacts = "facts";
constexpr const char* kPart = "part.json";
constexpr const char* kReady = "ready";
constexpr const char* kRefs = "refs";
constexpr std::size_t kMostBytes = 1U << 22;

std::string folder(const net::IfName& bridge) { return std::string(kSwitches) + "/" + bridge.str(); }
std::string folder(const PartRef& ref) {
  if (!parse_hash(ref.digest)) throw base::Error(base::Code::bug, "a part's digest must be 16 hexadecimal digits");
  return folder(ref.bridge) + "/" + ref.digest;
}

std::optional<net::IfName> if_name(const std::string& text) {
  try {
    return net::IfName::parse(text);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

std::optional<net::Mac> mac_in(const Json& json, const char* key) {
  return json.contains(key) ? std::optional(net::Mac::parse(json.at(key).get<std::string>())) : std::nullopt;
}

std::string part_text(const Part& part) {
  std::string text;
  plan::JsonObject{text}("network", part.network)("schema", kSchema).raw("steps", plan::steps_text(part.steps));
  return seal(std::move(text));
}

// Without its Steps a part could never be taken down: a damaged one counts as absent, is written and applied once more.
bool is_written(const Dir& dir) {
  const Dir::Content content = dir.read(kPart, kMostBytes);
  return content.error == 0 && sealed_part(content.text).has_value();
}

}  // namespace

Part Parts::read(const Dir& dir, const PartRef& ref) const {
  Part part{ref.bridge, ref.digest, {}, {}, false};
  Dir::Content content = dir.read(kPart, kMostBytes);
  if (content.error != 0) return part;
  const bool said = dir.exists(kReady);
  Read& known = read_[{ref.bridge, ref.digest}];
  if (known.text != content.text) try {
      known = {};
      const Json json = parse_sealed(content.text);
      known.network = json.at("network").get<std::string>();
      known.steps = plan::steps_from_json(json.at("steps"));
      known.text = std::move(content.text);
    } catch (const base::Error&) {
    } catch (const Json::exception&) {
    }
  if (known.text.empty()) return part;
  part.steps = known.steps;
  part.network = known.network;
  part.ready = said;
  return part;
}

std::optional<plan::Facts> Parts::facts(const net::IfName& bridge) const try {
  const auto dir = root_.find(folder(bridge));
  if (!dir) return std::nullopt;
  const Dir::Content content = dir->read(kFacts, kMostBytes);
  const bool damaged =
      content.error == EINVAL || content.error == EFBIG || content.error == ELOOP || content.error == ENXIO;
  if (content.error != ENOENT && !damaged) dir->check(content.error, "read", kFacts);
  // Damaged facts are read from the host again: at worst the switch gets a second part that differs.
  if (!sealed_part(content.text)) return std::nullopt;
  const Json json = parse_sealed(content.text);
  plan::Facts facts;
  facts.mtu = json.at("mtu").get<std::uint32_t>();
  facts.ipv6 = json.at("ipv6").get<bool>();
  facts.ra_links.clear();
  for (const Json& link : json.at("raLinks")) facts.ra_links.push_back(net::IfName::parse(link.get<std::string>()));
  facts.uplink_mac = mac_in(json, "uplinkMac");
  facts.foreign = mac_in(json, "foreign");
  facts.foreign_filters = json.value("foreignFilters", false);
  if (json.contains("localnet")) facts.localnet = json.at("localnet").get<std::string>();
  if (json.contains("taken")) {
    const plan::Step step = plan::step_from_json(json.at("taken"));
    if (const auto* taken = std::get_if<plan::TakeAddresses>(&step)) facts.taken = *taken;
  }
  if (json.contains("tunnel")) {
    const Json& tunnel = json.at("tunnel");
    facts.tunnel = plan::Facts::Tunnel{net::IfName::parse(tunnel.at("link").get<std::string>()),
                                       net::IfName::parse(tunnel.at("underlay").get<std::string>()),
                                       net::Ip::parse(tunnel.at("local").get<std::string>()),
                                       tunnel.at("identity").get<std::string>()};
  }
  if (json.contains("parts")) facts.parts = json.at("parts").get<std::map<std::string, std::uint32_t>>();
  return facts;
} catch (const Json::exception&) {
  return std::nullopt;
}

void Parts::set_facts(const net::IfName& bridge, const plan::Facts& facts) const {
  Json links = Json::array();
  for (const net::IfName& link : facts.ra_links) links.push_back(link.str());
  const Dir dir = root_.make(folder(bridge));
  Json json = {{"schema", kSchema}, {"mtu", facts.mtu}, {"ipv6", facts.ipv6}, {"raLinks", links}};
  if (facts.uplink_mac) json["uplinkMac"] = facts.uplink_mac->str();
  if (facts.foreign) json["foreign"] = facts.foreign->str();
  if (facts.foreign_filters) json["foreignFilters"] = true;
  if (facts.localnet) json["localnet"] = *facts.localnet;
  if (facts.taken) json["taken"] = plan::to_json(plan::Step{*facts.taken});
  if (facts.tunnel)
    json["tunnel"] = {{"link", facts.tunnel->link.str()},
                      {"underlay", facts.tunnel->underlay.str()},
                      {"local", facts.tunnel->local.str()},
                      {"identity", facts.tunnel->identity}};
  if (!facts.parts.empty()) json["parts"] = facts.parts;
  const std::string text = seal(dump(json));
  dir.check(dir.replace(kFacts, text), "write", kFacts);
}

bool Parts::written(const PartRef& ref) const {
  const auto dir = root_.find(folder(ref));
  return dir && is_written(*dir);
}

bool Parts::ready(const PartRef& ref) const {
  const auto dir = root_.find(folder(ref));
  return dir && dir->exists(kReady) && is_written(*dir);
}

void Parts::put(const Part& part) const {
  const Dir dir = root_.make(folder(PartRef{part.bridge, part.digest}));
  dir.check(dir.replace(kPart, part_text(part)), "write", kPart);
}

void Parts::set_ready(const PartRef& ref, bool ready) const {
  const auto dir = root_.find(folder(ref));
  if (!dir) {
    if (ready) throw base::Error(base::Code::store, root_.path(folder(ref)) + ": this part has no directory");
    return;
  }
  const int error = ready ? dir->create_empty(kReady) : dir->unlink(kReady);
  if (error != EEXIST) dir->check(error, ready ? "write" : "remove", kReady);
}

std::vector<PartRef> Parts::list() const {
  std::vector<PartRef> refs;
  const auto switches = root_.find(kSwitches);
  if (!switches) return refs;
  for (const std::string& bridge : switches->names()) {
    const auto name = if_name(bridge);
    if (!name) continue;
    const auto dir = switches->find_if_dir(bridge);
    if (!dir) continue;
    for (const std::string& digest : dir->names())
      if (parse_hash(digest)) refs.push_back({*name, digest});
  }
  return refs;
}

std::vector<Part> Parts::all() const {
  std::vector<Part> parts;
  for (const PartRef& ref : list())
    if (const auto dir = root_.find_if_dir(folder(ref))) parts.push_back(read(*dir, ref));
  return parts;
}

void Parts::remove(const PartRef& ref) const {
  const auto dir = root_.find(folder(ref.bridge));
  if (!dir) return;
  if (const auto part = dir->find(ref.digest)) part->check(part->unlink(kReady), "remove", kReady);
  dir->check(dir->unlink(ref.digest), "remove", ref.digest);
  remove_empty(ref.bridge);
}

std::vector<net::IfName> Parts::switches() const {
  std::vector<net::IfName> found;
  const auto all = root_.find(kSwitches);
  if (!all) return found;
  for (const std::string& bridge : all->names())
    if (const auto name = if_name(bridge)) found.push_back(*name);
  return found;
}

void Parts::remove_empty(const net::IfName& bridge) const {
  const auto dir = root_.find_if_dir(folder(bridge));
  if (!dir) return;
  const auto left = dir->names();
  if (std::any_of(left.begin(), left.end(), [](const std::string& name) { return parse_hash(name).has_value(); }))
    return;
  const auto switches = root_.find(kSwitches);
  if (switches) switches->check(switches->unlink(bridge.str()), "remove", bridge.str());
}

bool Parts::put_ref(const PartRef& ref, std::uint64_t owner) const {
  const Dir refs = root_.make(folder(ref) + "/" + kRefs);
  const std::string name = base::hex(owner, 16);
  const int error = refs.create_empty(name);
  if (error != EEXIST) refs.check(error, "write", name);
  return error == 0;
}

int Parts::drop_ref(const PartRef& ref, std::uint64_t owner, bool* was) const noexcept try {
  const auto refs = root_.find(folder(ref) + "/" + kRefs);
  if (!refs) return 0;
  const int error = ::unlinkat(refs->fd(), base::hex(owner, 16).c_str(), 0) == 0 ? 0 : errno;
  if (was != nullptr) *was = error == 0;
  return error == ENOENT ? 0 : error;
} catch (const std::exception&) {
  return EIO;
}

std::vector<PartRef> Parts::refs_of(std::uint64_t owner) const {
  std::vector<PartRef> found;
  for (const PartRef& ref : list()) {
    const auto refs = root_.find_if_dir(folder(ref) + "/" + kRefs);
    if (refs && refs->exists(base::hex(owner, 16))) found.push_back(ref);
  }
  return found;
}

std::vector<std::uint64_t> Parts::owners(const PartRef& ref) const {
  std::vector<std::uint64_t> found;
  const auto refs = root_.find_if_dir(folder(ref) + "/" + kRefs);
  if (!refs) return found;
  for (const std::string& name : refs->names())
    if (const auto owner = parse_hash(name)) found.push_back(*owner);
  return found;
}

bool Parts::unused(const PartRef& ref, const std::function<bool(std::uint64_t owner)>& keep) const {
  const auto refs = root_.find(folder(ref) + "/" + kRefs);
  if (!refs) return true;
  if (!keep) return refs->empty();
  for (const std::string& name : refs->names()) {
    const auto owner = parse_hash(name);
    if (owner && keep(*owner)) return false;
    refs->check(refs->unlink(name), "remove", name);
  }
  return true;
}

void Parts::sweep() const {
  const auto drop_hidden = [](const Dir& dir) {
    for (const std::string& name : dir.names())
      if (name.starts_with('.')) (void)dir.unlink(name);
  };
  const auto switches = root_.find(kSwitches);
  if (!switches) return;
  for (const std::string& bridge : switches->names()) {
    if (!if_name(bridge)) continue;
    if (const auto dir = switches->find_if_dir(bridge)) drop_hidden(*dir);
  }
  for (const PartRef& ref : list())
    if (const auto dir = root_.find_if_dir(folder(ref))) drop_hidden(*dir);
}

}  // namespace trestle::store
