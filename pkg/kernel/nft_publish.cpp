#include "kernel/nft_publish.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "kernel/nft_answer.h"
#include "kernel/nft_message.h"
#include "kernel/nft_transaction.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

constexpr std::size_t kAtOnce = 256;    // elements per message: an attribute ends at 64 KiB
constexpr std::size_t kRemovals = 256;  // each may be answered by an error; more would overflow the receive buffer
constexpr std::size_t kFew = 32;        // so many are asked for one by one; of more the whole map is read
constexpr int kRaces = 4;               // whoever had the port may let go of it while we look

struct Protocol {
  std::string_view name;
  std::uint8_t number;
};
constexpr Protocol kProtocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

constexpr const char* kMaps[] = {"dnat4", "dnat6", "dnat4ip", "dnat6ip"};

// `set`: a map when there is a value, else a set.
struct Entry {
  std::string set, key, value;
  bool operator==(const Entry&) const = default;
};
using Key = std::pair<std::string, std::string>;  // set, key
using Values = std::map<Key, std::string>;

std::uint8_t number_of(const std::string& protocol) {
  const auto* row = std::ranges::find(kProtocols, std::string_view(protocol), &Protocol::name);
  if (row == std::end(kProtocols)) throw base::Error(base::Code::bug, "no protocol of a port: " + protocol);
  return row->number;
}

// As the parts of a concatenation lie in registers: each padded to 4 bytes.
std::string port_bytes(std::uint16_t port) {
  const std::uint16_t big = htons(port);
  return std::string(reinterpret_cast<const char*>(&big), sizeof big) + std::string(2, '\0');
}
std::string protocol_bytes(const std::string& protocol) {
  return static_cast<char>(number_of(protocol)) + std::string(3, '\0');
}

std::string suffix(const net::Ip& ip) { return ip.family == net::Family::v4 ? "4" : "6"; }

Entry entry_of(const plan::Mapping& m) {
  return {"dnat" + suffix(m.address) + (m.host_ip ? "ip" : ""),
          (m.host_ip ? m.host_ip->bytes() : "") + protocol_bytes(m.protocol) + port_bytes(m.host_port),
          m.address.bytes() + port_bytes(m.port)};
}

Entry target_of(const plan::Mapping& m) {
  return {"target" + suffix(m.address), m.address.bytes() + protocol_bytes(m.protocol) + port_bytes(m.port), {}};
}

// Map elements, and the targets once each: two ports of the host may lead to one of the pod.
std::vector<Entry> entries_of(const std::vector<plan::Mapping>& mappings) {
  std::vector<Entry> out;
  std::set<Key> targets;
  for (const plan::Mapping& m : mappings) out.push_back(entry_of(m));
  for (const plan::Mapping& m : mappings) {
    Entry target = target_of(m);
    if (targets.insert({target.set, target.key}).second) out.push_back(std::move(target));
  }
  std::ranges::stable_sort(out, {}, &Entry::set);
  return out;
}

void put_bytes(Batch& out, std::uint16_t attr, std::string_view bytes) {
  const std::size_t nest = out.open_nest(attr);
  out.put(NFTA_DATA_VALUE, bytes);
  out.close_nest(nest);
}

// Entries of one set.
void put_entries(Batch& out, std::uint16_t kind, std::span<const Entry> entries) {
  const std::string& set = entries.front().set;
  begin_nft(out, kind, kind == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, plan::Table::inet,
            nft_label(plan::Table::inet, "elements", set));
  out.put_text(NFTA_SET_ELEM_LIST_TABLE, "trestle");
  out.put_text(NFTA_SET_ELEM_LIST_SET, set);
  const std::size_t list = out.open_nest(NFTA_SET_ELEM_LIST_ELEMENTS);
  for (const Entry& entry : entries) {
    const std::size_t nest = out.open_nest(NFTA_LIST_ELEM);
    put_bytes(out, NFTA_SET_ELEM_KEY, entry.key);
    if (kind == NFT_MSG_NEWSETELEM && !entry.value.empty()) put_bytes(out, NFTA_SET_ELEM_DATA, entry.value);
    out.close_nest(nest);
  }
  out.close_nest(list);
}

void read_into(Values& values, const std::string& set, const nlmsghdr& message) {
  const auto list = nft_attrs(message).view(NFTA_SET_ELEM_LIST_ELEMENTS);
  for (const std::string_view bytes : Attrs::all(list.value_or(std::string_view()), NFTA_LIST_ELEM)) {
    const Attrs element(bytes);
    const auto bytes_of = [&](std::uint16_t attr) {
      return std::string(element.nest(attr).view(NFTA_DATA_VALUE).value_or(std::string_view()));
    };
    values[{set, bytes_of(NFTA_SET_ELEM_KEY)}] = bytes_of(NFTA_SET_ELEM_DATA);
  }
}

void dump_into(Values& values, Socket& netfilter, const std::string& set) {
  Batch request;
  begin_nft(request, NFT_MSG_GETSETELEM, NLM_F_DUMP, plan::Table::inet, nft_label(plan::Table::inet, "elements", set));
  request.put_text(NFTA_SET_ELEM_LIST_TABLE, "trestle");
  request.put_text(NFTA_SET_ELEM_LIST_SET, set);
  request.accept(ENOENT);
  netfilter.dump(
      request, [] {}, [&](const nlmsghdr& message) { read_into(values, set, message); });
}

// What the kernel has for these keys, and maybe for others.
Values values_of(Socket& netfilter, const std::vector<Entry>& entries) {
  Values values;
  if (entries.size() <= kFew) {
    for (const Entry& entry : entries) {
      Batch request;
      put_entries(request, NFT_MSG_GETSETELEM, {&entry, 1});
      if (const auto answer = netfilter.get(request))
        read_into(values, entry.set, *reinterpret_cast<const nlmsghdr*>(answer->data()));
    }
    return values;
  }
  std::set<std::string> sets;
  for (const Entry& entry : entries) sets.insert(entry.set);
  for (const std::string& set : sets) dump_into(values, netfilter, set);
  return values;
}

// nullopt: a foreign hand's, that no Mapping can say.
std::optional<plan::Mapping> mapping_of(const std::string& map, std::string_view key, std::string_view value) {
  const std::size_t size = map.starts_with("dnat4") ? 4 : 16;
  plan::Mapping out;
  if (map.ends_with("ip")) {
    if (key.size() != size + 8) return std::nullopt;
    out.host_ip = net::Ip::from_bytes(key.substr(0, size));
    key.remove_prefix(size);
  }
  if (key.size() != 8 || value.size() != size + 4) return std::nullopt;
  const auto* row = std::ranges::find(kProtocols, static_cast<std::uint8_t>(key[0]), &Protocol::number);
  if (row == std::end(kProtocols)) return std::nullopt;
  const auto port = [](std::string_view bytes) {
    std::uint16_t big = 0;
    std::memcpy(&big, bytes.data(), sizeof big);
    return ntohs(big);
  };
  out.protocol = row->name;
  out.host_port = port(key.substr(4));
  out.address = net::Ip::from_bytes(value.substr(0, size));
  out.port = port(value.substr(size));
  return out;
}

std::optional<PublishOutcome::Held> taken(Socket& netfilter, const std::vector<plan::Mapping>& mappings) {
  std::vector<Entry> entries;
  for (const plan::Mapping& m : mappings) entries.push_back(entry_of(m));
  const Values values = values_of(netfilter, entries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto there = values.find({entries[i].set, entries[i].key});
    if (there == values.end() || there->second == entries[i].value) continue;
    const auto has = mapping_of(entries[i].set, entries[i].key, there->second);
    return PublishOutcome::Held{mappings[i], has.value_or(mappings[i])};
  }
  return std::nullopt;
}

// The same port of one address of the host and of all of them, led to different pods. Looked for after our own elements are in: of two
// that come at once one sees the other.
std::optional<PublishOutcome::Held> overlapping(Socket& netfilter, const std::vector<plan::Mapping>& mappings) {
  std::vector<plan::Mapping> any_of;  // what our specific ones would overlap with
  std::set<std::string> specific;
  for (const plan::Mapping& m : mappings) {
    if (!m.host_ip) {
      specific.insert("dnat" + suffix(m.address) + "ip");
      continue;
    }
    any_of.push_back(m);
    any_of.back().host_ip.reset();
  }
  Values values;
  if (!any_of.empty()) {
    std::vector<Entry> entries;
    for (const plan::Mapping& m : any_of) entries.push_back(entry_of(m));
    values = values_of(netfilter, entries);
  }
  for (const std::string& set : specific) dump_into(values, netfilter, set);
  if (values.empty()) return std::nullopt;
  std::map<std::pair<std::string, bool>, const plan::Mapping*> mine;  // "tcp 8080 4", whether of one address
  const auto name = [](const plan::Mapping& m) {
    return m.protocol + ' ' + std::to_string(m.host_port) + ' ' + suffix(m.address);
  };
  for (const plan::Mapping& m : mappings) mine.insert({{name(m), m.host_ip.has_value()}, &m});
  for (const auto& [key, value] : values) {
    const auto has = mapping_of(key.first, key.second, value);
    if (!has) continue;
    const auto ours = mine.find({name(*has), !has->host_ip});
    if (ours != mine.end() && ours->second->address != has->address) return PublishOutcome::Held{*ours->second, *has};
  }
  return std::nullopt;
}

}  // namespace

PublishOutcome add_published(Socket& netfilter, const std::vector<plan::Mapping>& mappings) {
  const std::vector<Entry> entries = entries_of(mappings);
  NftMessages messages;
  for (std::size_t at = 0; at < entries.size();) {
    std::size_t end = at;
    while (end < entries.size() && end - at < kAtOnce && entries[end].set == entries[at].set) ++end;
    put_entries(messages.batch, NFT_MSG_NEWSETELEM, std::span(entries).subspan(at, end - at));
    messages.label(nft_label(plan::Table::inet, "elements", entries[at].set));
    at = end;
  }
  for (int race = 0;; ++race) {
    const std::vector<NftRefusal> refusals = transact(netfilter, messages.batch.bytes());
    if (refusals.empty()) return {false, overlapping(netfilter, mappings)};
    const NftRefusal& first = refusals.front();
    if (first.err == ENOENT) return {true, {}};
    if (first.err == EEXIST || first.err == EBUSY) {
      if (auto held = taken(netfilter, mappings)) return {false, std::move(held)};
      if (race < kRaces) continue;
    }
    refuse(
        {0, first.err, first.index == kNftWhole ? "nftables transaction" : "nftables " + messages.labels[first.index]});
  }
}

std::vector<std::string> missing_published(Socket& netfilter, const std::vector<plan::Mapping>& mappings) {
  std::vector<Entry> wanted;
  for (const plan::Mapping& m : mappings) wanted.push_back(entry_of(m));
  for (const plan::Mapping& m : mappings) wanted.push_back(target_of(m));
  const Values values = values_of(netfilter, wanted);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const Entry& entry = wanted[i];
    const Entry& target = wanted[mappings.size() + i];
    const std::string line = plan::describe(plan::Publish{{mappings[i]}});
    const auto there = values.find({entry.set, entry.key});
    if (there == values.end()) {
      out.push_back(line + ": is gone from map " + entry.set);
    } else if (there->second != entry.value) {
      const auto has = mapping_of(entry.set, entry.key, there->second);
      out.push_back(line + ": leads elsewhere" +
                    (has ? ", to " + has->address.str() + " port " + std::to_string(has->port) : std::string()));
    } else if (!values.contains({target.set, target.key})) {
      out.push_back(line + ": is gone from set " + target.set);
    }
  }
  return out;
}

void remove_published(Socket& netfilter, const std::vector<plan::Mapping>& mappings) {
  std::vector<Entry> entries = entries_of(mappings);
  const Values values = values_of(netfilter, entries);
  std::erase_if(entries, [&](const Entry& entry) {
    const auto there = values.find({entry.set, entry.key});
    return there == values.end() || there->second != entry.value;
  });
  NftMessages messages;
  const auto flush = [&] {
    if (messages.batch.empty()) return;
    transact_existing(netfilter, messages);
    messages.clear();
  };
  for (const Entry& entry : entries) {
    put_entries(messages.batch, NFT_MSG_DELSETELEM, {&entry, 1});
    messages.label(nft_label(plan::Table::inet, "elements", entry.set));
    if (messages.batch.size() == kRemovals) flush();
  }
  flush();
}

std::vector<plan::Mapping> list_published(Socket& netfilter) {
  Values values;
  for (const char* map : kMaps) dump_into(values, netfilter, map);
  std::vector<plan::Mapping> out;
  for (const auto& [key, value] : values)
    if (auto mapping = mapping_of(key.first, key.second, value)) out.push_back(std::move(*mapping));
  return out;
}

}  // namespace trestle::kernel
