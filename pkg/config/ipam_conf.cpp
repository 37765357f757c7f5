#include "config/ipam_conf.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "config/keys.h"

namespace trestle::config {
namespace {

using cni::Field;
using net::Cidr;
using net::Family;
using net::Ip;

// Runs a value's own maker on the field's text, with the place in front of what it throws.
template <class F>
auto made(const Field& field, F&& make) {
  const std::string text = field.string();
  return base::in_context(field.path(), [&] { return make(text); });
}

Ip parse_ip(const Field& field) { return made(field, Ip::parse); }

std::optional<Ip> find_ip(const Field& object, std::string_view key) {
  const std::optional<Field> field = object.find(key);
  return field ? std::optional(parse_ip(*field)) : std::nullopt;
}

// Beyond all use, and each is held against each other: a hostile megabyte must cost neither seconds nor gigabytes.
constexpr std::size_t kMaxRanges = 256, kMaxExclusions = 256, kMaxRoutes = 1024;

std::vector<Field> items_up_to(std::size_t most, const Field& list) {
  std::vector<Field> items = list.items();
  if (items.size() > most) list.refuse("has more than " + std::to_string(most) + " entries");
  return items;
}

Cidr parse_subnet(const Field& field) {
  const Cidr subnet = made(field, Cidr::parse_network);
  if (const char* reserved = ipam::reserved(subnet))
    field.refuse("\"" + subnet.str() + "\" meets " + reserved + ", which no pod can have addresses of");
  return subnet;
}

Cidr parse_exclusion(const Field& field) {
  return made(field, [](const std::string& text) {
    return text.find('/') == text.npos ? Cidr::host(Ip::parse(text)) : Cidr::parse_network(text);
  });
}

std::vector<Cidr> exclusions(const Field& object) {
  std::vector<Cidr> out;
  if (const auto list = object.find("exclude"))
    for (const Field& item : items_up_to(kMaxExclusions, *list)) out.push_back(parse_exclusion(item));
  return out;
}

ipam::RangeSpec range_spec(const Field& object) {
  ipam::RangeSpec spec;
  const std::optional<Field> subnet = object.find("subnet");
  if (!subnet) object.refuse("\"subnet\" is missing, as \"10.88.0.0/16\"");
  spec.subnet = parse_subnet(*subnet);
  spec.first = find_ip(object, "rangeStart");
  spec.last = find_ip(object, "rangeEnd");
  spec.gateway = find_ip(object, "gateway");
  return spec;
}

// A range before it is made: exclusions of the whole `ipam` may still join its own.
struct Draft {
  ipam::RangeSpec spec;
  std::string path;
};
using Drafts = std::vector<std::vector<Draft>>;

// [[{"subnet":…}]]: the outer list has one address each, the inner the ranges it may come from.
Drafts parse_ranges(const Field& list) {
  Drafts sets;
  for (const Field& inner : items_up_to(kMaxRanges, list)) {
    std::vector<Draft>& set = sets.emplace_back();
    for (const Field& object : items_up_to(kMaxRanges, inner)) {
      check_keys(object, range_keys());
      set.push_back({range_spec(object), object.path()});
      set.back().spec.exclude = exclusions(object);
    }
    if (set.empty()) inner.refuse("has no range");
  }
  return sets;
}

// The flat form; its own path is "ipam".
std::optional<Draft> parse_flat(const Field& ipam) {
  if (ipam.find("subnet")) return Draft{range_spec(ipam), ipam.path()};
  for (const char* key : {"rangeStart", "rangeEnd", "gateway"})
    if (const auto field = ipam.find(key))
      field->refuse("needs \"subnet\" beside it (in \"ranges\", each range has its own)");
  return std::nullopt;
}

void check_count(const Drafts& sets, const Field& where) {
  std::size_t count = 0;
  for (const std::vector<Draft>& set : sets) count += set.size();
  if (count > kMaxRanges) where.refuse("more than " + std::to_string(kMaxRanges) + " ranges");
}

// An exclusion of the whole `ipam` belongs to every range it meets.
void exclude_everywhere(Drafts& sets, const Field& ipam) {
  const std::optional<Field> list = ipam.find("exclude");
  if (!list) return;
  for (const Field& item : items_up_to(kMaxExclusions, *list)) {
    const Cidr gone = parse_exclusion(item);
    bool met = false;
    for (std::vector<Draft>& set : sets)
      for (Draft& draft : set)
        if (gone.overlaps(draft.spec.subnet)) {
          draft.spec.exclude.push_back(gone);
          met = true;
        }
    if (!met) item.refuse("\"" + gone.str() + "\" meets no range of this network");
  }
}

// Several of one family are one pool; the IPv4 pool comes first, whatever the order.
Drafts parse_subnets(const Field& list) {
  std::vector<Draft> v4, v6;
  for (const Field& item : items_up_to(kMaxRanges, list)) {
    ipam::RangeSpec spec;
    spec.subnet = parse_subnet(item);
    (spec.subnet.ip.family == Family::v4 ? v4 : v6).push_back({spec, item.path()});
  }
  Drafts sets;
  if (!v4.empty()) sets.push_back(std::move(v4));
  if (!v6.empty()) sets.push_back(std::move(v6));
  return sets;
}

std::optional<std::uint32_t> number(const Field& object, const char* key, std::int64_t low, std::int64_t high) {
  const std::optional<Field> field = object.find(key);
  if (!field) return std::nullopt;
  return static_cast<std::uint32_t>(field->integer(low, high));
}

// As number(), where 0 is a value of its own.
std::optional<std::uint32_t> number_or_zero(const Field& object, const char* key, std::int64_t high) {
  const std::optional<Field> field = object.find_any(key);
  if (!field) return std::nullopt;
  return static_cast<std::uint32_t>(field->integer(0, high));
}

cni::ResultRoute parse_route(const Field& object) {
  constexpr std::int64_t kMax32 = std::numeric_limits<std::uint32_t>::max();
  check_keys(object, route_keys());
  cni::ResultRoute route;
  const std::optional<Field> dst = object.find("dst");
  if (!dst) object.refuse("\"dst\" is missing, as \"0.0.0.0/0\"");
  route.dst = made(*dst, Cidr::parse_network);
  route.gw = find_ip(object, "gw");
  if (route.gw && route.gw->family != route.dst.ip.family) object.refuse("dst and gw are not of one family");
  route.mtu = number(object, "mtu", 68, 65535);
  route.advmss = number(object, "advmss", 1, 65535);
  route.priority = number(object, "priority", 1, kMax32);
  route.table = number_or_zero(object, "table", kMax32);
  if (route.table == 0U || route.table == 254U) route.table.reset();  // both are the main table to the kernel
  route.scope = number_or_zero(object, "scope", 255);
  return route;
}

std::vector<cni::ResultRoute> parse_routes(const Field& list) {
  std::vector<cni::ResultRoute> routes;
  for (const Field& item : items_up_to(kMaxRoutes, list)) {
    const cni::ResultRoute route = parse_route(item);
    const bool twice = std::any_of(routes.begin(), routes.end(), [&](const cni::ResultRoute& other) {
      return other.dst == route.dst && other.priority == route.priority && other.table == route.table;
    });
    if (twice) item.refuse("a second route to " + route.dst.str() + " of the same priority and table");
    routes.push_back(route);
  }
  return routes;
}

void check_route_families(const IpamConf& conf) {
  for (const cni::ResultRoute& route : conf.routes) {
    const auto same = [&](const ipam::RangeSet& set) { return set.front().first.family == route.dst.ip.family; };
    if (std::none_of(conf.ranges.begin(), conf.ranges.end(), same))
      throw base::Error(base::Code::bad_config,
                        "ipam.routes: " + route.dst.str() + " is of a family that the network has no addresses of");
  }
}

// nullopt: ours.
std::optional<plan::Delegate> parse_type(const Field& ipam, const Field& conf) {
  const std::optional<Field> type = ipam.find("type");
  if (!type || type->string() == "trestle") return std::nullopt;
  if (!plan::is_plugin_type(type->string()))
    type->refuse("must be a plugin's file name, as \"host-local\", without '/'");
  return plan::Delegate{type->string(), conf.raw().dump(), {}, {}};
}

constexpr Key kNodeRange[] = {{"prefix"}, {"prefix6"}, {"index"}};

NodeRange parse_node_range(const Field& field) {
  check_keys(field, kNodeRange);
  NodeRange out;
  if (const auto v4 = field.find("prefix")) out.v4 = static_cast<std::uint8_t>(v4->integer(8, 32));
  if (const auto v6 = field.find("prefix6")) out.v6 = static_cast<std::uint8_t>(v6->integer(16, 128));
  if (const auto index = field.find_any("index")) out.index = static_cast<std::uint32_t>(index->integer(0, 1 << 24));
  if (!out.v4 && !out.v6)
    field.refuse("says no \"prefix\" (IPv4) and no \"prefix6\": the length of one node's part, as 24");
  return out;
}

Drafts parse_ipam_object(const Field& ipam, std::vector<cni::ResultRoute>& routes) {
  ipam.must_be_object();
  check_keys(ipam, ipam_keys());
  Drafts sets;
  if (const auto flat = parse_flat(ipam)) sets.push_back({*flat});
  if (const auto list = ipam.find("ranges"))
    for (auto& set : parse_ranges(*list)) sets.push_back(std::move(set));
  check_count(sets, ipam);
  exclude_everywhere(sets, ipam);
  if (const auto list = ipam.find("routes")) routes = parse_routes(*list);
  if (const auto dir = ipam.find("dataDir")) (void)dir->string();
  return sets;
}

}  // namespace

IpamConf parse_ipam(const Field& conf) {
  IpamConf out;
  const std::optional<Field> subnets = conf.find("subnets"), ipam = conf.find("ipam");
  if (subnets && ipam)
    conf.refuse("\"subnets\" and \"ipam\" exclude each other: subnets is short for ipam with one range each");

  if (ipam) {
    ipam->must_be_object();
    out.delegate = parse_type(*ipam, conf);
    if (out.delegate) return out;
  }
  Drafts sets;
  if (const auto runtime = conf.find("runtimeConfig"))
    if (const auto list = runtime->find("ipRanges")) sets = parse_ranges(*list);
  for (auto& set : subnets ? parse_subnets(*subnets) : ipam ? parse_ipam_object(*ipam, out.routes) : Drafts{})
    sets.push_back(std::move(set));
  check_count(sets, conf);

  for (const std::vector<Draft>& set : sets) {
    ipam::RangeSet& ranges = out.ranges.emplace_back();
    for (const Draft& draft : set) ranges.push_back(ipam::make_range(draft.spec, draft.path));
  }
  if (const auto parts = ipam ? ipam->find("nodeRange") : std::nullopt) out.node_range = parse_node_range(*parts);
  ipam::check_sets(out.ranges);
  check_route_families(out);
  return out;
}

Cidr parse_request(const Field& field) {
  return made(field, [](const std::string& text) {
    return text.find('/') == text.npos ? Cidr::host(Ip::parse(text)) : Cidr::parse(text);
  });
}

}  // namespace trestle::config
