#include "support/plugin.h"

namespace trestle::test {

std::string trestle_program() { return TRESTLE_PROGRAM; }

int Answer::code() const {
  return json.is_object() && json.contains("code") && json["code"].is_number_integer() ? json["code"].get<int>() : 0;
}

Answer plugin(const Call& call) {
  const std::string program = trestle_program();
  Start how{{program}, call.env, call.conf.is_string() ? call.conf.get<std::string>() : call.conf.dump()};
  const auto set = [&](const char* name, const std::string& value) {
    if (!value.empty()) how.env.emplace(name, value);
  };
  set("CNI_COMMAND", call.command);
  set("CNI_CONTAINERID", call.container);
  set("CNI_IFNAME", call.ifname);
  set("CNI_NETNS", call.netns);
  set("CNI_PATH", program.substr(0, program.rfind('/')));
  const Ran ran = start(how);
  Answer answer{ran.status, ran.out, ran.err, nullptr};
  if (!ran.out.empty()) answer.json = nlohmann::json::parse(ran.out, nullptr, /*allow_exceptions=*/false);
  return answer;
}

Ran trestle_command(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& env,
                    const std::string& in) {
  Start how{{trestle_program()}, env, in};
  how.argv.insert(how.argv.end(), arguments.begin(), arguments.end());
  return start(how);
}

}  // namespace trestle::test
