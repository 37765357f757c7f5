#include "kernel/conntrack_list.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/fd.h"
#include "kernel/sysctl.h"

namespace trestle::kernel {

namespace {

constexpr std::uint64_t kFew = 2000;          // connections; the text of more takes longer than the dump
constexpr std::size_t kMostText = 1U << 20U;  // bytes

std::optional<std::uint64_t> number_of_flows() {
  const auto text = read_sysctl("net/netfilter/nf_conntrack_count");  // of this namespace
  std::uint64_t n = 0;
  if (!text) return n;  // no conntrack
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return n;
}

}  // namespace

bool lists_udp_to(std::string_view text, const std::set<std::uint16_t>& ports) {
  constexpr std::string_view kPort = " dport=";
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.find(" udp ") == std::string_view::npos) continue;
    for (std::size_t at = line.find(kPort); at != std::string_view::npos; at = line.find(kPort)) {
      line.remove_prefix(at + kPort.size());
      std::uint16_t port = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), port);
      if (error == std::errc() && ports.contains(port)) return true;
    }
  }
  return false;
}

bool may_track_udp_to(const std::set<std::uint16_t>& ports) {
  if (ports.empty()) return false;
  const auto flows = number_of_flows();
  if (flows == 0U) return false;
  if (!flows || *flows > kFew) return true;
  const base::Fd file = base::try_open("/proc/net/nf_conntrack", O_RDONLY);
  const auto text = file.valid() ? base::read_all(file.get(), kMostText) : std::nullopt;
  return !text || lists_udp_to(*text, ports);
}

}  // namespace trestle::kernel
