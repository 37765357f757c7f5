#include "config/tap_conf.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "config/keys.h"

namespace trestle::config {

using base::Code;
using base::Error;
using cni::Field;

namespace {

constexpr Choice kDevices[] = {{"veth"}, {"tap"}};
constexpr std::uint32_t kMaxId = 0xfffffffe;  // the next is the kernel's "none"
constexpr std::size_t kMaxContext = 4096;

// 0 is root here, and no empty template.
std::optional<std::uint32_t> find_id(const Field& tap, const char* key) {
  const auto field = tap.find_any(key);
  if (!field || (field->raw().is_string() && field->string().empty())) return std::nullopt;
  return static_cast<std::uint32_t>(field->integer(0, kMaxId));
}

net::IfName parse_name(const std::string& text) {
  if (text == "lo") throw Error(Code::bad_config, "\"lo\" is no name for a TAP");
  return net::IfName::parse(text);
}

std::string parse_context(const Field& field) {
  std::string text = field.string();
  if (text.size() > kMaxContext ||
      std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c == '\x7f'; }))
    field.refuse("\"" + base::printable(text, 80) +
                 "\" is no SELinux context, as \"system_u:system_r:container_t:s0\"");
  return text;
}

Tap parse_tap(const Field& field) {
  Tap out;
  check_keys(field, tap_keys());
  if (const auto owner = find_id(field, "owner")) out.owner = *owner;
  out.group = find_id(field, "group");
  if (const auto queues = field.find("multiQueue")) out.multi_queue = queues->boolean();
  if (const auto name = field.find("name"))
    out.name = base::in_context(name->path(), [&] { return parse_name(name->string()); });
  if (const auto context = field.find("selinuxContext")) out.selinux_context = parse_context(*context);
  return out;
}

// A template that says nothing, or nothing else than what is so anyway.
bool says_nothing(const Field& tap) {
  const auto keys = tap.keys();
  return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
    const auto value = tap.find(key);
    return !value || value->raw() == false;
  });
}

std::uint32_t parse_id(const std::string& key, const std::string& text) {
  const auto id = base::parse_number(text, kMaxId);
  if (!id)
    throw Error(Code::bad_environment,
                "CNI_ARGS: " + key + ": \"" + base::printable(text, 40) + "\" is no user or group id");
  return static_cast<std::uint32_t>(*id);
}

void apply_args(Tap& tap, const cni::Args& args) {
  for (const auto& [key, value] : args.redirect_tap) {
    if (key == "TC_REDIRECT_TAP_UID") tap.owner = parse_id(key, value);
    if (key == "TC_REDIRECT_TAP_GID") tap.group = parse_id(key, value);
    if (key != "TC_REDIRECT_TAP_NAME") continue;
    try {
      tap.name = parse_name(value);
    } catch (const Error& e) {
      throw Error(Code::bad_environment, "CNI_ARGS: " + key + ": " + e.what());
    }
  }
}

}  // namespace

std::optional<Tap> parse_device(const Field& conf, const cni::Args& args) {
  const auto device = conf.find("device"), tap = conf.find("tap");
  if (!device || choose(*device, kDevices) != "tap") {
    if (tap) check_keys(*tap, tap_keys());
    if (tap && !says_nothing(*tap))
      tap->refuse("is for a TAP, and this network has none: say \"device\": \"tap\", or leave it out");
    return std::nullopt;
  }
  Tap out = tap ? parse_tap(*tap) : Tap{};
  // Who speaks tc-redirect-tap's words waits for its result.
  out.vm_interface = !args.redirect_tap.empty();
  if (const auto told = tap ? tap->find("vmInterface") : std::nullopt) out.vm_interface = told->boolean();
  apply_args(out, args);
  return out;
}

}  // namespace trestle::config
