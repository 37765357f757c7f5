#include <algorithm>

#include "plan/plan.h"

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

// VLAN filtering is growth: a switch that filters serves networks without a VLAN too.
Bridge like(const Bridge& mine, Bridge theirs) {
  theirs.vlan_filtering = mine.vlan_filtering;
  return theirs;
}

bool differ(const std::optional<std::uint16_t>& a, const std::optional<std::uint16_t>& b) { return a && b && *a != *b; }

bool clash(const Step& mine, const Step& theirs) {
  if (mine == theirs) return false;
  if (const auto* a = std::get_if<Elements>(&mine)) return overlap(*a, std::get<Elements>(theirs));
  if (std::holds_alternative<File>(mine)) return false;
  if (const auto* a = std::get_if<Bridge>(&mine)) return *a != like(*a, std::get<Bridge>(theirs));
  if (const auto* a = std::get_if<Vlans>(&mine)) return differ(a->pvid, std::get<Vlans>(theirs).pvid);
  if (const auto* a = std::get_if<Rules>(&mine)) return a->name != "tables";  // the tables are renewed by an upgrade
  return true;
}

// One prefix behind two switches: the host has one route for it, and the pods of the other switch get no answer.
bool routed_twice(const Step& mine, const Step& theirs) {
  const auto* a = std::get_if<Address>(&mine);
  const auto* b = std::get_if<Address>(&theirs);
  return a && b && a->link != b->link && a->cidr.length < a->cidr.ip.bits() && b->cidr.length < b->cidr.ip.bits() &&
         a->cidr.overlaps(b->cidr);
}

// The elements of `set` that `kept` does not name.
void subtract(Elements& set, const Elements& kept) {
  std::erase_if(set.elements, [&](const Element& e) {
    return std::find(kept.elements.begin(), kept.elements.end(), e) != kept.elements.end();
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

}  // namespace

std::optional<Conflict> conflict(const std::vector<Step>& mine, const std::vector<Step>& theirs) {
  for (const Step& a : mine)
    for (const Step& b : theirs)
      if (routed_twice(a, b)) return Conflict{a, b};
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
        } else {
          named = true;
        }
      }
    if (!named) out.push_back(std::move(step));
  }
  return out;
}

}  // namespace trestle::plan
