#include "kernel/legacy_tables.h"

#include <fcntl.h>
#include <netinet/in.h>  // before the kernel's headers: they then leave the addresses to libc
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace trestle::kernel {

namespace {

bool has_filter(const char* names) {
  const base::Fd file = base::try_open(names, O_RDONLY);
  char text[256];
  const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text) : 0;
  return size > 0 && std::string_view(text, static_cast<std::size_t>(size)).find("filter\n") != std::string_view::npos;
}

struct Rule {
  bool names_link = false;   // in or out
  bool for_all = false;      // no condition
  std::int32_t verdict = 0;  // of a standard target: below 0 an end, above a chain
  bool rejects = false;
};

// "tr+" stands for all that begins so: the mask covers what is compared.
bool names(const char* name, const unsigned char* mask, const std::string& link) {
  if (mask[0] == 0) return false;
  for (std::size_t i = 0; i < IFNAMSIZ && mask[i] != 0; ++i)
    if ((i < link.size() ? link[i] : '\0') != name[i]) return false;
  return true;
}

struct Subject {
  const std::string& link;
  std::uint16_t udp_port;
};

// By the matches between an entry and its target.
bool names_port(std::string_view matches, std::uint16_t port) {
  while (matches.size() >= sizeof(xt_entry_match)) {
    xt_entry_match match{};
    xt_udp udp{};
    std::memcpy(&match, matches.data(), sizeof match);
    const std::size_t size = match.u.match_size;
    if (size < sizeof match || size > matches.size()) return false;
    const std::string_view name(match.u.user.name, ::strnlen(match.u.user.name, XT_EXTENSION_MAXNAMELEN));
    if (name == "udp" && size >= sizeof match + sizeof udp) {
      std::memcpy(&udp, matches.data() + sizeof match, sizeof udp);
      if ((udp.invflags & XT_UDP_INV_DSTPT) == 0 && udp.dpts[0] <= port && port <= udp.dpts[1]) return true;
    }
    matches.remove_prefix(size);
  }
  return false;
}

const ipt_ip& conditions(const ipt_entry& entry) { return entry.ip; }
const ip6t_ip6& conditions(const ip6t_entry& entry) { return entry.ipv6; }

// nullopt: behind the end, or nothing that a kernel would give.
template <class Entry>
std::optional<Rule> rule_at(std::string_view bytes, std::size_t at, const Subject& subject, std::size_t& next) {
  const std::string& link = subject.link;
  Entry entry;
  if (at + sizeof entry > bytes.size()) return std::nullopt;
  std::memcpy(&entry, bytes.data() + at, sizeof entry);
  xt_standard_target target{};
  if (entry.next_offset < sizeof entry || entry.target_offset < sizeof entry ||
      at + entry.target_offset + sizeof(xt_entry_target) > bytes.size())
    return std::nullopt;
  std::memcpy(&target, bytes.data() + at + entry.target_offset,
              std::min(sizeof target, bytes.size() - at - entry.target_offset));
  const auto& asks = conditions(entry);
  const std::string_view condition(reinterpret_cast<const char*>(&asks), sizeof asks);
  const std::string_view kind(target.target.u.user.name, ::strnlen(target.target.u.user.name, XT_EXTENSION_MAXNAMELEN));
  next = at + entry.next_offset;
  const bool in = (asks.invflags & IPT_INV_VIA_IN) == 0, out = (asks.invflags & IPT_INV_VIA_OUT) == 0;
  return Rule{(subject.udp_port != 0 &&
               names_port(bytes.substr(at + sizeof entry, entry.target_offset - sizeof entry), subject.udp_port)) ||
                  (in && names(asks.iniface, asks.iniface_mask, link)) ||
                  (out && names(asks.outiface, asks.outiface_mask, link)),
              entry.target_offset == sizeof entry && condition.find_first_not_of('\0') == condition.npos,
              kind.empty() ? target.verdict : 0, kind == "REJECT"};
}

constexpr std::int32_t kDrops = -NF_DROP - 1, kAccepts = -NF_ACCEPT - 1;

// A chain ends with an entry that has its policy ("underflow"). Behind the hooks' chains stand those that rules jump to.
template <class Info, class Entry>
bool drops_all(const Info& info, std::string_view entries, unsigned hook, const Subject& subject) {
  std::size_t next = 0, end = 0;
  for (const unsigned any : {NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT})
    end = std::max<std::size_t>(end, info.underflow[any]);
  const auto policy = rule_at<Entry>(entries, info.underflow[hook], subject, next);
  bool drops = policy && policy->verdict == kDrops;
  for (std::size_t at = info.hook_entry[hook]; at < entries.size(); at = next) {
    const auto rule = rule_at<Entry>(entries, at, subject, next);
    if (!rule) break;
    if (at >= info.underflow[hook] && at <= end) continue;  // of other hooks
    if (rule->names_link && (rule->verdict == kAccepts || rule->verdict > 0)) return false;
    if (next == info.underflow[hook] && rule->for_all && (rule->rejects || rule->verdict == kDrops)) drops = true;
  }
  return drops;
}

template <class Info, class Entries, class Entry>
void ask(std::vector<LegacyDrop>& out, bool ipv6, int family, int level, int get_info, int get_entries,
         const Subject& link) {
  const base::Fd raw(::socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!raw.valid()) return;
  Info info{};
  std::strcpy(info.name, "filter");
  socklen_t size = sizeof info;
  if (::getsockopt(raw.get(), level, get_info, &info, &size) != 0 || info.size > (1U << 26)) return;
  std::string buffer(sizeof(Entries) + info.size, '\0');
  auto* entries = reinterpret_cast<Entries*>(buffer.data());
  std::strcpy(entries->name, "filter");
  entries->size = info.size;
  size = static_cast<socklen_t>(buffer.size());
  if (::getsockopt(raw.get(), level, get_entries, buffer.data(), &size) != 0) return;
  const std::string_view rules = std::string_view(buffer).substr(sizeof(Entries));
  for (const unsigned hook : {NF_INET_FORWARD, NF_INET_LOCAL_IN})
    if (drops_all<Info, Entry>(info, rules, hook, link)) out.push_back({ipv6, hook == NF_INET_FORWARD});
}

}  // namespace

std::vector<LegacyDrop> legacy_drops(const std::string& name, std::uint16_t udp_port) {
  std::vector<LegacyDrop> out;
  const Subject link{name, udp_port};
  if (has_filter("/proc/net/ip_tables_names"))
    ask<ipt_getinfo, ipt_get_entries, ipt_entry>(out, false, AF_INET, IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES,
                                                 link);
  if (has_filter("/proc/net/ip6_tables_names"))
    ask<ip6t_getinfo, ip6t_get_entries, ip6t_entry>(out, true, AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO,
                                                    IP6T_SO_GET_ENTRIES, link);
  return out;
}

}  // namespace trestle::kernel
