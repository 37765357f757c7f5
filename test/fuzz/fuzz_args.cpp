// Any CNI_* environment gives a valid Request or a CNI error. The input is six texts, NUL between them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cni/request.h"
#include "net/ifname.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::Args;
using trestle::cni::Command;
using trestle::cni::Request;

namespace {

void promise(bool kept) {
  if (!kept) std::abort();
}

constexpr std::array<std::string_view, 6> kNames{"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS",
                                                 "CNI_IFNAME",  "CNI_PATH",        "CNI_ARGS"};

Request request(std::string_view input) {
  std::array<std::string, kNames.size()> values;
  for (std::string& value : values) {
    const std::size_t end = input.find('\0');
    value = input.substr(0, end);
    input.remove_prefix(end == input.npos ? input.size() : end + 1);
  }
  return Request::from_env([&](std::string_view name) -> std::optional<std::string> {
    for (std::size_t i = 0; i < kNames.size(); ++i)
      if (kNames[i] == name && !values[i].empty()) return values[i];
    return std::nullopt;
  });
}

void check(const Request& r) {
  if (r.command == Command::gc || r.command == Command::status || r.command == Command::version) {
    promise(r.container.empty() && r.ifname.empty() && r.netns.empty());
    return;
  }
  promise(trestle::cni::is_plain_name(r.container));
  promise(trestle::net::IfName::parse(r.ifname).str() == r.ifname && r.ifname != "lo");
  promise(r.netns.empty() ? r.command == Command::del : r.netns.front() == '/' && r.netns.size() <= 4096);
  promise(r.args.ips.size() <= 64);
}

// A text that parses says the same when it is put together again.
void check(const Args& args) {
  std::string text = "IgnoreUnknown=1;IP=";
  for (std::size_t i = 0; i < args.ips.size(); ++i) text += (i == 0 ? "" : ",") + args.ips[i].str();
  if (args.mac) text += ";MAC=" + args.mac->str();
  const Args again = Args::parse(text);
  promise(again.ips == args.ips && again.mac == args.mac);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    check(request(input));
  } catch (const Error& e) {
    promise(e.code == Code::bad_environment);
  }
  try {
    check(Args::parse(input));
  } catch (const Error& e) {
    promise(e.code == Code::bad_environment);
  }
  return 0;
}
