#include "app/tunnel_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/hash.h"
#include "base/text.h"
#include "cni/json.h"
#include "config/overlay_conf.h"

namespace trestle::app {

using nlohmann::json;

namespace {

constexpr std::size_t kMostFile = 1U << 24, kFirstLine = 160;
constexpr int kSchema = 2;  // 1 had Steps

std::optional<std::string> text_at(const std::string& path) {
  const base::Fd file = base::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  return file.valid() ? base::read_all(file.get(), kMostFile) : std::nullopt;
}

// Equal where the same would be programmed; making that for thousands of peers would cost an ADD more than all else.
std::string digest_of(const net::IfName& bridge, const config::Overlay& overlay) {
  const config::Here& here = *overlay.here;
  std::string text = bridge.str() + " " + std::to_string(overlay.layer) + " " + here.local.str() + " " +
                     here.underlay.str() + (overlay.direct ? " direct" : "");
  for (const net::Cidr& segment : here.segments) text += " " + segment.str();
  text += '\n';
  const auto add = [&](const config::Peer& peer) {
    text += peer.vtep.bytes() + peer.node;
    for (const net::Cidr& subnet : peer.subnets) text += subnet.ip.bytes() + static_cast<char>(subnet.length);
    text += '\n';
  };
  if (here.own) {
    text += std::to_string(here.place) + " ";
    add(*here.own);
  }
  for (const config::Peer& peer : here.others) add(peer);
  return base::hex(base::checksum64(text), 16);
}

// Not by way of a JSON document: for thousands of peers that takes the time of all the rest.
std::string peers_text(const std::vector<config::Peer>& peers) {
  std::string out = "[";
  out.reserve(peers.size() * 96);
  for (const config::Peer& peer : peers) {
    if (out.size() > 1) out += ",\n";
    out += "{\"vtep\":\"" + peer.vtep.str() + "\"";
    if (!peer.node.empty()) out += ",\"node\":" + json(peer.node).dump();
    if (peer.index) out += ",\"index\":" + std::to_string(*peer.index);
    for (std::size_t i = 0; i < peer.subnets.size(); ++i)
      out += (i == 0 ? ",\"subnets\":[\"" : ",\"") + peer.subnets[i].str() + "\"";
    out += peer.subnets.empty() ? "}" : "]}";
  }
  return out + "]";
}

}  // namespace

std::string tunnel_state_path(const std::string& state_dir, const net::IfName& vtep) {
  return state_dir + "/overlay/" + vtep.str() + ".json";
}

std::vector<std::pair<std::string, std::string>> tunnel_state_paths(const std::string& state_dir) {
  constexpr std::string_view kEnd = ".json";
  const std::string folder = state_dir + "/overlay";
  std::vector<std::pair<std::string, std::string>> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (const std::string_view name(entry->d_name); name.ends_with(kEnd))
      out.emplace_back(name.substr(0, name.size() - kEnd.size()), folder + "/" + entry->d_name);
  return out;
}

std::string damaged_state(const std::string& path) {
  return path +
         " is damaged: who the tunnel's peers are is not known; 'trestle overlay sync' or the next ADD writes it anew";
}

std::vector<config::Peer> all_peers(const config::Here& here) {
  std::vector<config::Peer> out = here.others;
  if (here.own) out.insert(out.begin() + std::min<std::ptrdiff_t>(here.place, std::ssize(out)), *here.own);
  return out;
}

TunnelMark tunnel_mark(const net::IfName& bridge, const config::Overlay& overlay, std::uint32_t index) {
  return {digest_of(bridge, overlay), index};
}

std::optional<TunnelMark> read_tunnel_mark(const std::string& path) {
  const base::Fd file = base::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  std::array<char, kFirstLine> seen{};
  const ssize_t got = file.valid() ? ::pread(file.get(), seen.data(), seen.size(), 0) : 0;
  const std::string_view text(seen.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  const std::size_t end = text.find('\n');
  if (end == text.npos) return std::nullopt;
  const std::vector<std::string> words = base::split(std::string(text.substr(0, end)), ' ');
  const auto number = [&](std::size_t word, auto& value) {
    const char* last = words[word].data() + words[word].size();
    const auto [at, error] = std::from_chars(words[word].data(), last, value);
    return error == std::errc() && at == last;
  };
  TunnelMark out;
  if (words.size() != 7 || !number(1, out.index) || !number(2, out.sample) || !number(3, out.held) ||
      !number(4, out.minute.since) || !number(5, out.minute.stood) || !number(6, out.minute.gone))
    return std::nullopt;
  out.digest = words[0];
  return out;
}

std::string state_text(const TunnelMark& mark, const net::IfName& bridge, const config::Overlay& overlay) {
  const config::Here& here = *overlay.here;
  json segments = json::array();
  for (const net::Cidr& segment : here.segments) segments.push_back(segment.str());
  const json fixed{{"schema", kSchema},
                   {"switch", bridge.str()},
                   {"overlay",
                    {{"vni", overlay.vni},
                     {"port", overlay.port},
                     {"layer", overlay.layer},
                     {"control", overlay.control},
                     {"directRouting", overlay.direct}}},
                   {"local", here.local.str()},
                   {"identity", here.identity},
                   {"underlay", here.underlay.str()},
                   {"place", here.own ? json(here.place) : json()},
                   {"segments", segments}};
  std::string text = fixed.dump();
  text.pop_back();
  return mark.digest + " " + std::to_string(mark.index) + " " + std::to_string(mark.sample) + " " +
         std::to_string(mark.held) + " " + std::to_string(mark.minute.since) + " " + std::to_string(mark.minute.stood) +
         " " + std::to_string(mark.minute.gone) + "\n" + text + ",\"peers\":" + peers_text(all_peers(here)) + "}\n";
}

std::optional<TunnelState> read_tunnel_state(const std::string& path) try {
  const auto text = text_at(path);
  const auto end = text ? text->find('\n') : std::string::npos;
  if (end == std::string::npos) return std::nullopt;
  const json document = json::parse(std::string_view(*text).substr(end + 1));
  if (document.at("schema") != kSchema) return std::nullopt;
  auto overlay = config::parse_overlay(cni::Field(document, path));
  if (!overlay) return std::nullopt;
  config::Here here{net::Ip::parse(document.at("local").get<std::string>()),
                    net::IfName::parse(document.at("underlay").get<std::string>()),
                    0,
                    document.at("identity").get<std::string>(),
                    config::parse_peers(json{{"peers", document.at("peers")}}.dump(), path),
                    {},
                    0,
                    {}};
  if (const json& place = document.at("place"); place.is_number()) {
    here.place = place.get<std::uint32_t>();
    here.own = here.others.at(here.place);
    here.others.erase(here.others.begin() + here.place);
  }
  for (const json& segment : document.at("segments"))
    here.segments.push_back(net::Cidr::parse(segment.get<std::string>()));
  overlay->here = std::move(here);
  return TunnelState{net::IfName::parse(document.at("switch").get<std::string>()), std::move(*overlay)};
} catch (const std::exception&) {
  return std::nullopt;
}

std::optional<std::string> remove_tunnel_state(const std::string& path) {
  for (const std::string& name : {path, path + ".trestle-new"})
    if (::unlink(name.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
      return "remove " + name + ": " + std::strerror(errno);
  (void)::rmdir(path.substr(0, path.rfind('/')).c_str());  // refused while another tunnel's is there
  return std::nullopt;
}

}  // namespace trestle::app
