#include "delegate/plugin.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "cni/json.h"
#include "delegate/execute.h"

namespace trestle::delegate {

namespace {

using base::Code;
using base::Error;
using nlohmann::json;

constexpr const char* kOlder = "1.0.0";
constexpr const char* kWithGc = "1.1.0";  // and with STATUS

std::string subject(const plan::Delegate& plugin, const std::string& command) {
  return "IPAM plugin '" + plugin.type + "', " + command;
}

std::string find(const plan::Delegate& plugin) {
  if (!plan::is_plugin_type(plugin.type))
    throw Error(Code::bad_config, "ipam.type '" + base::printable(plugin.type) + "' is no plugin's name");
  std::size_t from = 0;
  while (from <= plugin.path.size()) {
    const std::size_t end = std::min(plugin.path.find(':', from), plugin.path.size());
    const std::string program = plugin.path.substr(from, end - from) + "/" + plugin.type;
    struct stat status {};
    if (end > from && ::stat(program.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::access(program.c_str(), X_OK) == 0)
      return program;
    from = end + 1;
  }
  throw Error(Code::delegate, "IPAM plugin '" + plugin.type + "' is not in CNI_PATH (" + base::printable(plugin.path) +
                                  "); install it there, or leave ipam.type out for the built-in IPAM");
}

std::vector<std::string> environment(const plan::Delegate& plugin, const std::string& command,
                                     const Attachment& attachment) {
  std::vector<std::string> out;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("CNI_")) out.emplace_back(*variable);
  out.push_back("CNI_COMMAND=" + command);
  out.push_back("CNI_PATH=" + plugin.path);
  if (!attachment.container.empty()) out.push_back("CNI_CONTAINERID=" + attachment.container);
  if (!attachment.ifname.empty()) out.push_back("CNI_IFNAME=" + attachment.ifname);
  if (!attachment.netns.empty()) out.push_back("CNI_NETNS=" + attachment.netns);
  if (!plugin.args.empty()) out.push_back("CNI_ARGS=" + plugin.args);
  return out;
}

struct Answer {
  bool ok = false;
  int code = 0;       // of its error document; 0: it gave none
  std::string words;  // why it failed, for people
  std::string out;
};

Answer failed(const Ended& ended) {
  Answer answer;
  if (ended.late) {
    answer.words = "it did not end in time and was killed";
    return answer;
  }
  if (ended.flooded) {
    answer.words = "it wrote more than 1 MiB and was killed";
    return answer;
  }
  const json document = json::parse(ended.out, nullptr, false);
  if (document.is_object() && document.contains("code") && document["code"].is_number_integer()) {
    answer.code = document["code"].get<int>();
    const auto text = [&](const char* key) {
      return document.contains(key) && document[key].is_string()
                 ? base::printable(document[key].get<std::string>(), 400)
                 : std::string();
    };
    answer.words = text("msg") + (text("details").empty() ? "" : ": " + text("details")) + " (its code " +
                   std::to_string(answer.code) + ")";
  } else {
    answer.words = WIFSIGNALED(ended.status) ? "it was killed by signal " + std::to_string(WTERMSIG(ended.status))
                                             : "it ended with exit code " + std::to_string(WEXITSTATUS(ended.status)) +
                                                   " and no error document";
  }
  return answer;
}

Answer run(const plan::Delegate& plugin, const std::string& command, const Attachment& attachment,
           const std::string& conf) {
  const Ended ended = execute(find(plugin), environment(plugin, command, attachment), conf,
                              command == "ADD" ? kAddBudget : kOtherBudget, cni::kMaxInput);
  if (ended.late || ended.flooded || !WIFEXITED(ended.status) || WEXITSTATUS(ended.status) != 0) return failed(ended);
  return {true, 0, {}, ended.out};
}

// A prevResult says its own version, which an older plugin refuses as much as the configuration's.
void lower(json& conf, const std::string& from) {
  conf["cniVersion"] = kOlder;
  if (const auto prev = conf.find("prevResult"); prev != conf.end()) try {
      *prev = cni::to_json(cni::result_from_json(*prev, from), kOlder);
    } catch (const Error&) {
      conf.erase(prev);  // a DEL has to do without
    }
}

// `version`: that it was asked in.
Answer ask(const plan::Delegate& plugin, const std::string& command, const Attachment& attachment,
           std::string& version) {
  json conf = json::parse(plugin.conf);
  version = conf.value("cniVersion", "0.1.0");
  if (attachment.prev) conf["prevResult"] = cni::to_json(*attachment.prev, version);
  Answer answer = run(plugin, command, attachment, attachment.prev ? conf.dump() : plugin.conf);
  // Debian's plugins speak 1.0.0 at most, and refuse a newer configuration whole.
  if (answer.ok || answer.code != static_cast<int>(Code::incompatible_version) || version == kOlder) return answer;
  lower(conf, version);
  version = kOlder;
  if (Answer older = run(plugin, command, attachment, conf.dump()); older.ok || older.code != answer.code) return older;
  return answer;
}

[[noreturn]] void refuse(const plan::Delegate& plugin, const std::string& command, const Answer& answer) {
  throw Error(Code::delegate, subject(plugin, command) + ": " + answer.words);
}

}  // namespace

void must_exist(const plan::Delegate& plugin) { static_cast<void>(find(plugin)); }

cni::Result add(const plan::Delegate& plugin, const Attachment& attachment) {
  std::string version;
  const Answer answer = ask(plugin, "ADD", attachment, version);
  if (!answer.ok) refuse(plugin, "ADD", answer);
  cni::Result result = base::in_context(subject(plugin, "ADD") + ": its result", [&] {
    try {
      return cni::result_from_json(cni::parse_json(answer.out, Code::delegate), version);
    } catch (const Error& e) {
      throw Error(Code::delegate, e.what(), e.details);
    }
  });
  if (result.ips.empty()) throw Error(Code::delegate, subject(plugin, "ADD") + ": it gave no address");
  return result;
}

void call(const plan::Delegate& plugin, const std::string& command, const Attachment& attachment) {
  std::string version;
  if (const Answer answer = ask(plugin, command, attachment, version); !answer.ok) refuse(plugin, command, answer);
}

void call_if_known(const plan::Delegate& plugin, const std::string& command) {
  // Older ones complain of something else before they look at the verb: "missing containerID".
  const json version = json::parse(run(plugin, "VERSION", {}, plugin.conf).out, nullptr, false);
  const auto known = version.is_object() ? version.find("supportedVersions") : version.end();
  if (known != version.end() && std::find(known->begin(), known->end(), json(kWithGc)) == known->end()) return;
  if (const Answer answer = run(plugin, command, {}, plugin.conf); !answer.ok) refuse(plugin, command, answer);
}

}  // namespace trestle::delegate
