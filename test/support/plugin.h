#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "support/run.h"

namespace trestle::test {

// One call of the plugin as a runtime makes it. An empty text leaves its variable out.
struct Call {
  std::string command;                     // CNI_COMMAND: "ADD"
  std::string container, ifname, netns;    // CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS
  nlohmann::json conf;                     // standard input; a string is sent as it is
  std::map<std::string, std::string> env;  // more: CNI_ARGS, TRESTLE_STATE_DIR
};

struct Answer {
  int status = -1;
  std::string out, err;
  nlohmann::json
      json;  // of `out`; discarded (is_discarded()) when that is not one JSON document; null when there is none
  bool ok() const { return status == 0; }
  int code() const;  // the CNI error code; 0 when there is none
};

// The built executable, run in the current namespaces; CNI_PATH is its folder.
Answer plugin(const Call& call);
// The executable as a person calls it: trestle_command({"ps", "--json"}).
Ran trestle_command(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& env = {},
                    const std::string& in = {});
// Its path.
std::string trestle_program();

}  // namespace trestle::test
