#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cni/request.h"

namespace trestle::cni {

namespace {

using base::Code;
using base::Error;

constexpr std::size_t kMaxArgs = 64U << 10, kMaxIps = 64, kMaxK8s = 256;

struct Pair {
  std::string key, value;
};

[[noreturn]] void refuse(const std::string& why) { throw Error(Code::bad_environment, "CNI_ARGS: " + why); }

std::vector<Pair> pairs_of(std::string_view text) {
  std::vector<Pair> pairs;
  if (text.empty() || text == "none") return pairs;
  for (const std::string& part : base::split(text, ';')) {
    // At the first '=': a value may hold more of them, Multus passes such.
    const std::size_t equals = part.find('=');
    if (equals == part.npos || equals == 0)
      refuse("part " + std::to_string(pairs.size() + 1) + " is no KEY=VALUE pair");
    pairs.push_back({part.substr(0, equals), part.substr(equals + 1)});
  }
  return pairs;
}

bool truth(std::string_view value) {
  std::string lower(value);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (lower == "1" || lower == "true") return true;
  if (lower == "0" || lower == "false") return false;
  refuse("IgnoreUnknown: must be 1, true, 0 or false");
}

// What a value type refuses is a wrong environment here, not a wrong config.
template <class F>
auto parsed(const char* key, F&& body) {
  try {
    return body();
  } catch (const Error& e) {
    throw Error(Code::bad_environment, std::string("CNI_ARGS: ") + key + ": " + e.what(), e.details);
  }
}

std::vector<net::Cidr> addresses(const std::string& list) {
  const auto texts = base::split(list, ',');
  if (texts.size() > kMaxIps) refuse("IP: more than " + std::to_string(kMaxIps) + " addresses");
  std::vector<net::Cidr> ips;
  for (const std::string& text : texts)
    ips.push_back(parsed("IP", [&] {
      return text.find('/') == text.npos ? net::Cidr::host(net::Ip::parse(text)) : net::Cidr::parse(text);
    }));
  return ips;
}

bool is_k8s_key(std::string_view key) {
  return key.starts_with("K8S_") && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

bool is_for_others(std::string_view key) { return key == "GATEWAY"; }

std::string pod_text(const std::string& key, const std::string& value) {
  // It goes into aliases and logs.
  if (value.size() > kMaxK8s || !std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; }))
    refuse(key + ": must be printable ASCII of at most " + std::to_string(kMaxK8s) + " bytes");
  return value;
}

}  // namespace

Args Args::parse(std::string_view text) {
  if (text.size() > kMaxArgs) refuse("more than " + std::to_string(kMaxArgs) + " bytes");
  Args args;
  bool ignore_unknown = false;
  std::string unknown;
  for (const auto& [key, value] : pairs_of(text)) {
    if (key == "IgnoreUnknown") {
      ignore_unknown = !value.empty() && truth(value);
    } else if (key == "IP") {
      args.ips = value.empty() ? std::vector<net::Cidr>{} : addresses(value);
    } else if (key == "MAC") {
      args.mac.reset();
      if (!value.empty()) args.mac = parsed("MAC", [&v = value] { return net::Mac::parse_station(v); });
    } else if (is_k8s_key(key)) {
      if (!value.empty()) args.k8s[key] = pod_text(key, value);
    } else if (key.starts_with("TC_REDIRECT_TAP_")) {
      if (!value.empty()) args.redirect_tap[key] = value;
    } else if (!is_for_others(key) && unknown.empty()) {
      unknown = key;
    }
  }
  if (!unknown.empty() && !ignore_unknown)
    refuse("unknown key " + base::printable(unknown, 64) + " (IgnoreUnknown=1 lets unknown keys pass)");
  return args;
}

}  // namespace trestle::cni
