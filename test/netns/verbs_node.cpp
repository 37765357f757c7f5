#include "verbs_node.h"

#include <stdexcept>

namespace trestle::test {

using nlohmann::json;

json demo_conf(const std::string& version) {
  return {{"cniVersion", version}, {"name", "demo"}, {"type", "trestle"}, {"subnets", {"10.88.0.0/16", "fd88::/64"}}};
}

json demo_with(const json& members) {
  json conf = demo_conf();
  conf.update(members);
  return conf;
}

json other_conf(const std::string& name, const std::string& subnet, const json& members) {
  json conf{{"cniVersion", "1.1.0"}, {"name", name}, {"type", "trestle"}, {"subnets", {subnet}}};
  conf.update(members);
  return conf;
}

std::string told(const Answer& answer) { return std::to_string(answer.status) + " " + answer.out + answer.err; }

std::vector<std::string> addresses_of(const Answer& added) {
  std::vector<std::string> all;
  for (const json& ip : added.json.value("ips", json::array())) {
    const std::string text = ip.at("address");
    all.push_back(text.substr(0, text.find('/')));
  }
  return all;
}

std::string mac_of(const Answer& added) { return added.json.at("interfaces").at(2).at("mac"); }
std::string host_link_of(const Answer& added) { return added.json.at("interfaces").at(1).at("name"); }

void Node::settle() {
  wait_settled();
  before_ = snapshot();
}

Answer Node::call(Call how) const {
  how.env.emplace("TRESTLE_STATE_DIR", state());
  return plugin(how);
}

Answer Node::call(const std::string& verb, const Pod& pod, const json& conf, const Env& env) const {
  Call how{verb, pod.name(), "eth0", pod.path(), conf, {}};
  for (const auto& [name, value] : env) {
    if (name == "CNI_CONTAINERID")
      how.container = value;
    else if (name == "CNI_IFNAME")
      how.ifname = value;
    else if (name == "CNI_NETNS")
      how.netns = value;
    else
      how.env.emplace(name, value);
  }
  return call(how);
}

Answer Node::check(const Pod& pod, const Answer& added, const json& conf, const Env& env) const {
  json with = conf;
  with["prevResult"] = added.json;
  return call("CHECK", pod, with, env);
}

Answer Node::gc(json valid, const std::string& network) const {
  return call({"GC",
               "",
               "",
               "",
               {{"cniVersion", "1.1.0"}, {"name", network}, {"type", "trestle"}, {"cni.dev/valid-attachments", valid}},
               {}});
}

Answer Node::status(const json& conf) const { return call({"STATUS", "", "", "", conf, {}}); }

Ran Node::command(const std::vector<std::string>& words, const std::string& in) const {
  return trestle_command(words, {{"TRESTLE_STATE_DIR", state()}}, in);
}

Answer Node::must_add(const Pod& pod, const json& conf, const Env& env) const {
  Answer answer = add(pod, conf, env);
  if (!answer.ok()) throw std::runtime_error("ADD: " + told(answer));
  return answer;
}

void Node::must_del(const Pod& pod, const json& conf, const Env& env) const {
  const Answer answer = del(pod, conf, env);
  if (!answer.ok()) throw std::runtime_error("DEL: " + told(answer));
}

std::vector<std::string> Node::left() const {
  std::vector<std::string> all = changed();
  for (const std::string& folder :
       {std::string("/run/sysctl.d"), state() + "/records", state() + "/switches", state() + "-services"})
    for (const std::string& file : files_below(folder)) all.push_back("+ file " + file);
  for (const std::string& file : files_below(state()))
    if (file.find("/.") != std::string::npos || file.find(".tmp") != std::string::npos) all.push_back("+ file " + file);
  return all;
}

void wait_gone(const std::string& link) {
  must_run("for i in $(seq 500); do ip link show dev " + link +
           " > /dev/null 2>&1 || exit 0; sleep 0.01; done; exit 1");
}

}  // namespace trestle::test
