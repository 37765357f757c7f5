#include "kernel/stray.h"

#include <algorithm>
#include <string_view>

#include "kernel/link.h"
#include "kernel/nft.h"

namespace trestle::kernel {

namespace {

constexpr std::string_view kGuard[] = {"ports", "macports", "trunkports", "nohost", "mac",
                                       "addr4", "addr6",    "net4",       "net6"};

// The sets with one element or more per attachment: the guard's, and the marks of each switch.
struct SetRef {
  plan::Table table;
  std::string name;
};

std::vector<SetRef> attachment_sets(Socket& netfilter) {
  std::vector<SetRef> out;
  for (const plan::Table table : {plan::Table::inet, plan::Table::bridge})
    for (const std::string& name : set_names(netfilter, table))
      if (std::ranges::find(kGuard, name) != std::end(kGuard) || name.starts_with("at-")) out.push_back({table, name});
  return out;
}

const std::string* first_link(const plan::Element& element) {
  if (element.key.empty()) return nullptr;
  const auto* name = std::get_if<net::IfName>(&element.key.front());
  return name ? &name->str() : nullptr;
}

}  // namespace

void remove_stray_link(Socket& route, const net::IfName& link, std::uint32_t group) {
  const auto info = get_link(route, link);
  if (!info || info->kind != "veth" || info->group != group) return;
  Batch batch;
  delete_link(batch, info->index, info->name);
  route.send_or_throw(batch);
}

void remove_stray_elements(Socket& netfilter, const std::set<std::string>& links) {
  std::vector<plan::Elements> gone;
  for (const SetRef& set : attachment_sets(netfilter)) {
    plan::Elements found{set.table, set.name, {}};
    for (plan::Element& element : list_elements(netfilter, set.table, set.name))
      if (const std::string* link = first_link(element); link && links.contains(*link))
        found.elements.push_back(std::move(element));
    if (!found.elements.empty()) gone.push_back(std::move(found));
  }
  if (!gone.empty()) remove_elements(netfilter, gone);
}

std::set<std::string> mentioned_links(Socket& netfilter) {
  std::set<std::string> links;
  for (const SetRef& set : attachment_sets(netfilter))
    for (const plan::Element& element : list_elements(netfilter, set.table, set.name))
      if (const std::string* link = first_link(element)) links.insert(*link);
  return links;
}

}  // namespace trestle::kernel
