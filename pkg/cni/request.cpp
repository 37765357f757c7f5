#include "cni/request.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "net/ifname.h"

namespace trestle::cni {

namespace {

using base::Code;
using base::Error;

constexpr std::size_t kMaxName = 128, kMaxPath = 4096;

struct CommandName {
  std::string_view text;
  Command command;
};
constexpr CommandName kCommands[] = {{"ADD", Command::add}, {"DEL", Command::del},       {"CHECK", Command::check},
                                     {"GC", Command::gc},   {"STATUS", Command::status}, {"VERSION", Command::version}};

constexpr unsigned bit(Command command) { return 1U << static_cast<unsigned>(command); }
constexpr unsigned kAttachment = bit(Command::add) | bit(Command::check) | bit(Command::del);

struct EnvRule {
  const char* name;
  unsigned needed_by;
};
// SPEC section 2. CNI_PATH is not among them: only a delegate is looked for there.
constexpr EnvRule kEnvRules[] = {
    {"CNI_CONTAINERID", kAttachment},
    {"CNI_NETNS", bit(Command::add) | bit(Command::check)},
    {"CNI_IFNAME", kAttachment},
};

void require_env(const Env& env, Command command) {
  std::vector<std::string> missing;
  for (const EnvRule& rule : kEnvRules)
    if ((rule.needed_by & bit(command)) != 0 && !env(rule.name)) missing.emplace_back(rule.name);
  if (!missing.empty())
    throw Error(Code::bad_environment, "required env variables [" + base::join(missing, ",") + "] missing");
}

std::string container_id(const std::string& text) {
  if (!is_plain_name(text))
    throw Error(
        Code::bad_environment,
        "CNI_CONTAINERID: must be at most 128 letters, digits, '_', '.' or '-', beginning with a letter or digit");
  return text;
}

std::string nic_name(const std::string& text) {
  try {
    const net::IfName name = net::IfName::parse(text);
    if (name.str() == "lo") throw Error(Code::bad_environment, "lo is in every pod already");
    return name.str();
  } catch (const Error& e) {
    throw Error(Code::bad_environment, std::string("CNI_IFNAME: ") + e.what(), e.details);
  }
}

bool is_usable_path(std::string_view text) {
  return text.starts_with('/') && text.size() <= kMaxPath && text.find('\0') == text.npos;
}

std::string netns_path(const std::string& text, bool tolerant) {
  if (is_usable_path(text)) return text;
  if (tolerant) return {};
  throw Error(Code::bad_environment, "CNI_NETNS: must be an absolute path of at most 4096 bytes");
}

Args args_of(const std::string& text, bool tolerant) {
  try {
    return Args::parse(text);
  } catch (const Error&) {
    if (!tolerant) throw;
    return {};
  }
}

}  // namespace

bool is_plain_name(std::string_view text) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= kMaxName && is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

Command parse_command(std::string_view text) {
  for (const CommandName& known : kCommands)
    if (known.text == text) return known.command;
  throw Error(Code::bad_environment, "unknown CNI_COMMAND: " + base::printable(text, 32));
}

Request Request::from_env(const Env& env) {
  const auto verb = env("CNI_COMMAND");
  if (!verb) throw Error(Code::bad_environment, "required env variables [CNI_COMMAND] missing");
  Request request;
  request.command = parse_command(*verb);
  require_env(env, request.command);
  request.path = env("CNI_PATH").value_or("");
  if ((bit(request.command) & kAttachment) == 0) return request;

  const bool tolerant = request.command == Command::del;
  request.container = container_id(env("CNI_CONTAINERID").value());
  request.ifname = nic_name(env("CNI_IFNAME").value());
  request.netns = netns_path(env("CNI_NETNS").value_or(""), tolerant);
  request.args_text = env("CNI_ARGS").value_or("");
  request.args = args_of(request.args_text, tolerant);
  return request;
}

}  // namespace trestle::cni
