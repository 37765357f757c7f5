#include "kernel/legacy_tables.h"

#include <fcntl.h>
#include <netinet/in.h>  // before the kernel's headers: they then leave the addresses to libc
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <cstring>
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

// The policy is the verdict of the entry that a chain ends with ("underflow").
template <class Info, class Entries, class Entry>
void ask(std::vector<LegacyDrop>& out, bool ipv6, int family, int level, int get_info, int get_entries) {
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
  for (const unsigned hook : {NF_INET_FORWARD, NF_INET_LOCAL_IN}) {
    const std::size_t at = sizeof(Entries) + info.underflow[hook];
    Entry entry;
    if (at + sizeof entry > buffer.size()) continue;
    std::memcpy(&entry, buffer.data() + at, sizeof entry);
    xt_standard_target target;
    if (at + entry.target_offset + sizeof target > buffer.size()) continue;
    std::memcpy(&target, buffer.data() + at + entry.target_offset, sizeof target);
    if (target.verdict == -NF_DROP - 1) out.push_back({ipv6, hook == NF_INET_FORWARD});
  }
}

}  // namespace

std::vector<LegacyDrop> legacy_drops() {
  std::vector<LegacyDrop> out;
  if (has_filter("/proc/net/ip_tables_names"))
    ask<ipt_getinfo, ipt_get_entries, ipt_entry>(out, false, AF_INET, IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES);
  if (has_filter("/proc/net/ip6_tables_names"))
    ask<ip6t_getinfo, ip6t_get_entries, ip6t_entry>(out, true, AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO,
                                                    IP6T_SO_GET_ENTRIES);
  return out;
}

}  // namespace trestle::kernel
