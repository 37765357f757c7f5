#include "chained_conf.h"

#include <stdexcept>

namespace trestle::test {

using nlohmann::json;

namespace {

// The capabilities that a plugin asks for, as a runtime fills them in.
json runtime_of(const json& plugin, const json& runtime) {
  json out = json::object();
  const json wants = plugin.value("capabilities", json::object());
  for (const auto& [name, wanted] : wants.items())
    if (wanted == true && runtime.contains(name)) out[name] = runtime.at(name);
  return out;
}

json host_local(const std::string& subnet) {
  return {
      {"type", "host-local"}, {"dataDir", "/run/host-local"}, {"subnet", subnet}, {"routes", {{{"dst", "0.0.0.0/0"}}}}};
}

}  // namespace

Chain::Chain(const Node& node, std::vector<json> plugins, json runtime)
    : node_(node), plugins_(std::move(plugins)), runtime_(std::move(runtime)) {}

Answer Chain::call(const std::string& verb, const Pod& pod, const json& plugin, const json& prev) const {
  json conf = plugin;
  conf["cniVersion"] = "1.0.0";  // Debian's plugins know no later one
  conf["name"] = "list";
  if (const json some = runtime_of(plugin, runtime_); !some.empty()) conf["runtimeConfig"] = some;
  if (!prev.is_null()) conf["prevResult"] = prev;
  const std::string type = plugin.at("type");
  if (type == "trestle") return node_.call(verb, pod, conf, {{"CNI_PATH", kPlugins}});
  const Ran ran = start({{std::string(kPlugins) + "/" + type},
                         {{"CNI_COMMAND", verb},
                          {"CNI_CONTAINERID", pod.name()},
                          {"CNI_NETNS", pod.path()},
                          {"CNI_IFNAME", "eth0"},
                          {"CNI_PATH", kPlugins},
                          {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}},
                         conf.dump()});
  return {ran.status, ran.out, ran.err, ran.out.empty() ? json() : json::parse(ran.out, nullptr, false)};
}

Answer Chain::add(const Pod& pod) {
  Answer last;
  json prev;
  for (const json& plugin : plugins_) {
    last = call("ADD", pod, plugin, prev);
    if (!last.ok()) return last;
    prev = last.json;
  }
  result_ = prev;
  return last;
}

Answer Chain::check(const Pod& pod) const {
  Answer last;
  for (const json& plugin : plugins_)
    if (last = call("CHECK", pod, plugin, result_); !last.ok()) return last;
  return last;
}

Answer Chain::del(const Pod& pod) const {
  Answer last;
  for (auto plugin = plugins_.rbegin(); plugin != plugins_.rend(); ++plugin)
    if (last = call("DEL", pod, *plugin, result_); !last.ok()) return last;
  return last;
}

const json& Chain::must_add(const Pod& pod) {
  if (const Answer answer = add(pod); !answer.ok()) throw std::runtime_error("ADD: " + told(answer));
  return result_;
}

void Chain::must_del(const Pod& pod) const {
  if (const Answer answer = del(pod); !answer.ok()) throw std::runtime_error("DEL: " + told(answer));
}

json debian_bridge() {
  return {{"type", "bridge"}, {"bridge", "cbr0"}, {"isGateway", true}, {"ipam", host_local("10.66.0.0/24")}};
}
json debian_ptp() { return {{"type", "ptp"}, {"ipam", host_local("10.67.0.0/24")}}; }

json behind(const json& members) {
  json out{{"type", "trestle"}};
  out.update(members);
  return out;
}

}  // namespace trestle::test
