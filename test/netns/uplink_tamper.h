#pragma once
// A call that is killed or fails at one of its messages to the kernel.
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "support/plugin.h"
#include "uplink_conf.h"

namespace trestle::test {

// More than any of these calls sends; how many it is depends on the host's links (60 were too few for one kernel).
inline constexpr int kMostMessages = 400;

inline bool has_strace() { return ::access("/usr/bin/strace", X_OK) == 0; }

// Runs `words` of the plugin with the K-th sendto() of it replaced: "signal=SIGKILL", "error=ENOBUFS".
inline Ran tampered(const Node& node, const std::vector<std::string>& words,
                    const std::map<std::string, std::string>& env, const std::string& in, const std::string& how,
                    int k) {
  Start call{{"/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e",
              "inject=sendto:" + how + ":when=" + std::to_string(k), trestle_program()},
             env,
             in};
  call.argv.insert(call.argv.end(), words.begin(), words.end());
  call.env["TRESTLE_STATE_DIR"] = node.state();
  call.env["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
  return start(call);
}

inline Ran call_tampered(const Node& node, const std::string& verb, const Pod& pod, const nlohmann::json& conf,
                         const std::string& how, int k) {
  return tampered(node, {},
                  {{"CNI_COMMAND", verb},
                   {"CNI_CONTAINERID", pod.name()},
                   {"CNI_IFNAME", "eth0"},
                   {"CNI_NETNS", pod.path()},
                   {"CNI_PATH", "/nonexistent"}},
                  conf.dump(), how, k);
}

inline Ran add_tampered(const Node& node, const Pod& pod, const nlohmann::json& conf, const std::string& how, int k) {
  return call_tampered(node, "ADD", pod, conf, how, k);
}

// On whichever link.
inline void check_has_addresses() {
  const std::string all = must_run("ip -o addr");
  for (const char* address : {"192.0.2.2/24", "2001:db8::2/64"}) CHECK_THAT(all, Catch::Contains(address));
}

}  // namespace trestle::test
