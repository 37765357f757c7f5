#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "plan/plan.h"
#include "plan/step_text.h"

namespace trestle::plan {

namespace {

// Two unequal prefixes that overlap cannot both be in an interval set: the kernel refuses the second.
bool overlap(const Elements& mine, const Elements& theirs) {
  for (const Element& a : mine.elements)
    for (const Element& b : theirs.elements) {
      if (a == b || a.key.size() != 1 || b.key.size() != 1) continue;
      const auto* p = std::get_if<net::Cidr>(&a.key[0]);
      const auto* q = std::get_if<net::Cidr>(&b.key[0]);
      if (p && q && p->overlaps(*q)) return true;
    }
  return false;
}

// VLAN filtering and snooping are growth: a switch that filters serves networks without a VLAN too.
Bridge like(const Bridge& mine, Bridge theirs) {
  theirs.vlan_filtering = mine.vlan_filtering;
  theirs.snooping = mine.snooping;
  return theirs;
}

// A record of a release that did not tell a bond's MTU.
Bond like(const Bond& mine, Bond theirs) {
  if (mine.mtu == 0 || theirs.mtu == 0) theirs.mtu = mine.mtu;
  return theirs;
}

// What it was before is for whoever puts it back.
Sysctl like(const Sysctl& mine, Sysctl theirs) {
  theirs.was = mine.was;
  return theirs;
}

bool differ(const std::optional<std::uint16_t>& a, const std::optional<std::uint16_t>& b) { return a && b && *a != *b; }

// What each network adds has a name of its own.
bool differ(const Service& mine, const Service& theirs) {
  return std::any_of(mine.files.begin(), mine.files.end(), [&](const ServiceFile& a) {
    return std::any_of(theirs.files.begin(), theirs.files.end(),
                       [&](const ServiceFile& b) { return a.name == b.name && a.text != b.text; });
  });
}

bool clash(const Step& mine, const Step& theirs) {
  if (mine == theirs) return false;
  if (const auto* a = std::get_if<Elements>(&mine)) return overlap(*a, std::get<Elements>(theirs));
  if (std::holds_alternative<File>(mine)) return false;
  if (const auto* a = std::get_if<Bridge>(&mine)) return *a != like(*a, std::get<Bridge>(theirs));
  if (const auto* a = std::get_if<Bond>(&mine)) return *a != like(*a, std::get<Bond>(theirs));
  if (const auto* a = std::get_if<Sysctl>(&mine)) return *a != like(*a, std::get<Sysctl>(theirs));
  if (const auto* a = std::get_if<Vlans>(&mine)) return differ(a->pvid, std::get<Vlans>(theirs).pvid);
  if (const auto* a = std::get_if<Service>(&mine)) return differ(*a, std::get<Service>(theirs));
  if (const auto* a = std::get_if<Rules>(&mine)) return a->name != "tables";  // the tables are renewed by an upgrade
  return true;
}

// One prefix behind two switches: the host has one route for it, and the pods of the other switch get no answer.
bool routed_twice(const Step& mine, const Step& theirs) {
  const auto* a = std::get_if<Address>(&mine);
  const auto* b = std::get_if<Address>(&theirs);
  return a && b && a->link != b->link && !a->cidr.ip.is_link_local() && a->cidr.length < a->cidr.ip.bits() &&
         b->cidr.length < b->cidr.ip.bits() && a->cidr.overlaps(b->cidr);
}

// Where the switch that has the addresses of these Steps lives: in the VLAN it is told, else in the one that every port has. nullopt: no
// address of a switch.
std::optional<Vlans> home(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    const auto* address = std::get_if<Address>(&step);
    if (!address || address->link.where != Where::host) continue;
    Vlans found{address->link.name, true, std::nullopt, {}, true};
    for (const Step& other : steps)
      if (const auto* vlans = std::get_if<Vlans>(&other); vlans && vlans->self && vlans->link == found.link)
        found = *vlans;
    return found;
  }
  return std::nullopt;
}

// The elements of `set` that `kept` does not name.
void subtract(Elements& set, const Elements& kept) {
  std::erase_if(set.elements, [&](const Element& e) {
    return std::find(kept.elements.begin(), kept.elements.end(), e) != kept.elements.end();
  });
}

void subtract(Service& mine, const Service& kept) {
  std::erase_if(mine.files, [&](const ServiceFile& file) {
    return std::any_of(kept.files.begin(), kept.files.end(),
                       [&](const ServiceFile& other) { return other.name == file.name; });
  });
}

// The VIDs of `mine` that `kept` does not name, one by one.
void subtract(Vlans& mine, const Vlans& kept) {
  if (mine.pvid == kept.pvid) mine.pvid.reset();
  std::vector<VlanRange> left;
  for (const VlanRange& range : mine.tagged)
    for (std::uint32_t vid = range.first; vid <= range.last; ++vid) {
      if (kept.pvid == vid || std::any_of(kept.tagged.begin(), kept.tagged.end(),
                                          [&](const VlanRange& r) { return r.first <= vid && vid <= r.last; }))
        continue;
      const auto id = static_cast<std::uint16_t>(vid);
      if (!left.empty() && left.back().last == id - 1)
        left.back().last = id;
      else
        left.push_back({id, id});
    }
  mine.tagged = std::move(left);
}

void subtract(Publish& mine, const Publish& kept) {
  std::erase_if(mine.mappings, [&](const Mapping& m) {
    return std::find(kept.mappings.begin(), kept.mappings.end(), m) != kept.mappings.end();
  });
}

bool goes_by_address(const Step& step) {
  if (const auto* neighbour = std::get_if<Neighbour>(&step)) return neighbour->link.where == Where::host;
  return std::holds_alternative<Publish>(step) || std::holds_alternative<Elements>(step) ||
         std::holds_alternative<File>(step);
}

}  // namespace

std::optional<Conflict> conflict(const std::vector<Step>& mine, const std::vector<Step>& theirs) {
  for (const Step& a : mine)
    for (const Step& b : theirs)
      if (routed_twice(a, b)) return Conflict{a, b};
  // A network without a VLAN has no Vlans Step to differ: it lost its gateway to the next one that had a VLAN.
  const auto here = home(mine), there = home(theirs);
  if (here && there && here->link == there->link && here->pvid != there->pvid) return Conflict{*here, *there};
  for (const Step& a : mine)
    for (const Step& b : theirs)
      if (a.index() == b.index() && object_key(a) == object_key(b) && clash(a, b)) return Conflict{a, b};
  return std::nullopt;
}

std::vector<Step> unshared(const std::vector<Step>& gone, const std::vector<std::vector<Step>>& kept) {
  std::vector<Step> out;
  for (Step step : gone) {
    const std::string key = object_key(step);
    bool named = false;
    for (const std::vector<Step>& list : kept)
      for (const Step& other : list) {
        if (other.index() != step.index() || object_key(other) != key) continue;
        if (auto* set = std::get_if<Elements>(&step)) {
          subtract(*set, std::get<Elements>(other));
          named = set->elements.empty();
        } else if (auto* vlans = std::get_if<Vlans>(&step)) {
          subtract(*vlans, std::get<Vlans>(other));
          named = !vlans->pvid && vlans->tagged.empty();
        } else if (auto* ports = std::get_if<Publish>(&step)) {
          subtract(*ports, std::get<Publish>(other));
          named = ports->mappings.empty();
        } else if (auto* service = std::get_if<Service>(&step)) {
          subtract(*service, std::get<Service>(other));
          named = service->files.empty();
        } else {
          named = true;
        }
      }
    if (!named) out.push_back(std::move(step));
  }
  return out;
}

namespace {

// A set, map or chain that the text declares, as in kernel/nft_text.h: its table, its kind and name, its line.
struct Declared {
  std::string_view table, line;
  std::string name;
};

std::vector<Declared> declared(std::string_view text) {
  std::vector<Declared> out;
  std::string_view table;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with("table ")) table = line;
    if (!line.starts_with("set ") && !line.starts_with("map ") && !line.starts_with("chain ")) continue;
    const std::size_t at = line.find(' ') + 1;
    const std::string_view name = line.substr(at, line.find(' ', at) - at);
    out.push_back({table, line, std::string(line.starts_with("chain ") ? "chain " : "set ").append(name)});
  }
  return out;
}

}  // namespace

std::vector<Step> undeclared(const std::vector<Step>& gone, const std::vector<std::vector<Step>>& kept) {
  std::vector<Step> out;
  for (const Step& step : gone) {
    const auto* rules = std::get_if<Rules>(&step);
    if (rules == nullptr || rules->name == "tables") continue;
    bool shared = false;
    std::set<std::pair<std::string_view, std::string>> needed;
    for (const std::vector<Step>& list : kept)
      for (const Step& other : list) {
        if (other.index() != step.index() || object_key(other) != object_key(step)) continue;
        shared = true;
        for (Declared& one : declared(std::get<Rules>(other).text)) needed.emplace(one.table, std::move(one.name));
      }
    Rules left{rules->name, ""};
    std::string_view table;
    for (const Declared& one : declared(rules->text)) {
      if (!shared || needed.contains({one.table, one.name})) continue;
      if (table != one.table) left.text.append(one.table).append("\n");
      table = one.table;
      left.text.append(one.line).append("\n");
    }
    if (!left.text.empty()) out.emplace_back(std::move(left));
  }
  return out;
}

void drop_elements_of(std::vector<Step>& steps, const Rules& declarations) {
  const std::vector<Declared> gone = declared(declarations.text);
  const auto has = [&](Table table, const std::string& name) {
    const std::string line = "table " + std::string(text(table));
    return std::ranges::any_of(gone, [&](const Declared& one) { return one.table == line && one.name == name; });
  };
  std::erase_if(steps, [&](Step& step) {
    auto* elements = std::get_if<Elements>(&step);
    if (elements == nullptr) return false;
    if (has(elements->table, "set " + elements->set)) return true;
    std::erase_if(elements->elements,
                  [&](const Element& one) { return !one.jump.empty() && has(elements->table, "chain " + one.jump); });
    return elements->elements.empty();
  });
}

std::vector<Step> unnamed(const std::vector<Step>& gone, const std::vector<std::vector<Step>>& kept) {
  std::vector<Step> out;
  for (const Step& step : gone) {
    if (!goes_by_address(step)) {
      out.push_back(step);
      continue;
    }
    for (Step& left : unshared({step}, kept)) out.push_back(std::move(left));
  }
  return out;
}

}  // namespace trestle::plan
