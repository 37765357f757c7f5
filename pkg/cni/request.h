#pragma once
// What a runtime asks: the environment and stdin, checked. A Request in hand is valid.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/ip.h"
#include "net/mac.h"
#include "net/names.h"

namespace trestle::cni {

enum class Command : std::uint8_t { add, del, check, gc, status, version };

using Env = std::function<std::optional<std::string>(std::string_view)>;  // unset and empty are both nullopt

// CNI_ARGS: "K=V;K2=V2", parsed strictly (CONVENTIONS, "CNI_ARGS"). Every pair has a key and a '='; the value may hold further ones.
// An unknown key is refused unless IgnoreUnknown is true; K8S_*, TC_REDIRECT_TAP_* and GATEWAY are known (the last is for
// others); an empty value is "absent"; of a key given twice the last counts, as in Go (Multus appends its MAC and IP).
// "none" (libcni's own tests) is no pair and means none.
struct Args {
  std::vector<net::Cidr> ips;  // IP=a,b ; a bare address is a host Cidr (length 32 or 128)
  std::optional<net::Mac> mac;
  std::map<std::string, std::string> redirect_tap;  // TC_REDIRECT_TAP_*, unread: they mean something with a TAP only
  std::map<std::string, std::string> k8s;           // K8S_POD_NAME ...; printable ASCII, at most 256 bytes each
  // Throws Error{bad_environment}. At most 64 KiB.
  static Args parse(std::string_view text);
};

struct Request {
  Command command = Command::version;
  std::string container, ifname;  // empty where the verb has none (GC, STATUS, VERSION)
  std::string netns;              // absolute path, at most 4096 bytes; may be empty for DEL
  Args args;
  std::string args_text;  // CNI_ARGS as it is, for a delegate
  std::string path;       // CNI_PATH as it is: only a delegate needs it, so it may be empty

  // Reads CNI_*. Throws Error{bad_environment} naming *all* that is missing, not the first: "required env variables [A,B] missing".
  // Refuses what no pod NIC may be called: what IfName refuses, and "lo".
  // DEL tolerates bad CNI_ARGS (there are none then) and an unusable CNI_NETNS (empty then): it must not fail for ever.
  static Request from_env(const Env& env);
};

// The Command named by CNI_COMMAND's text; throws Error{bad_environment} "unknown CNI_COMMAND: X".
Command parse_command(std::string_view text);
// ^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$, at most 128 bytes: container ids and network names.
bool is_plain_name(std::string_view text);

}  // namespace trestle::cni
