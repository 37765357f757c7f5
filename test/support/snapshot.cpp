#include "support/snapshot.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "support/run.h"

namespace trestle::test {

namespace {

// What changes without anybody's doing.
const char* const kVolatile[] = {"operstate",
                                 "hello_timer",
                                 "tcn_timer",
                                 "topology_change_timer",
                                 "gc_timer",
                                 "valid_life_time",
                                 "preferred_life_time",
                                 "expires",
                                 "used",
                                 "updated",
                                 "hold_timer",
                                 "message_age_timer",
                                 "forward_delay_timer",
                                 "state",
                                 "topology_change",
                                 "topology_change_detected"};

void still(nlohmann::json& json) {
  if (json.is_object()) {
    for (const char* key : kVolatile) json.erase(key);
    if (json.contains("flags") && json["flags"].is_array()) {
      nlohmann::json kept = nlohmann::json::array();
      for (const auto& flag : json["flags"])
        if (flag != "LOWER_UP" && flag != "NO-CARRIER" && flag != "linkdown") kept.push_back(flag);
      json["flags"] = kept;
    }
  }
  if (json.is_structured())
    for (auto& child : json) still(child);
}

// Of one program that was asked several things: what an object is, its members tell.
const char* kind_of(const nlohmann::json& object) {
  if (object.contains("addr_info")) return "addr";
  if (object.contains("mac")) return "fdb";
  if (object.contains("dst")) return "route";
  return object.contains("src") ? "rule" : "link";
}

void add_objects(Snapshot& all, std::string_view texts) {
  // "[…]\n[…]\n", an array for each thing that was asked; one that lists nothing may be missing.
  for (std::size_t at = 0; at < texts.size();) {
    const std::size_t end = std::min(texts.find('\n', at), texts.size());
    const std::string_view text = texts.substr(at, end - at);
    at = end + 1;
    if (text.empty()) continue;
    for (nlohmann::json object : nlohmann::json::parse(text)) {
      if (object.empty()) continue;  // a link without an address of the family
      const std::string kind = kind_of(object);
      // What a bridge learned is its own affair, and comes and goes with any station's chatter; ours are static.
      if (kind == "fdb" && object.value("state", "") != "permanent" && object.value("state", "") != "static") continue;
      still(object);
      all.lines.push_back(kind + " " + object.dump());
    }
  }
}

// Asks again and again; the deadline ends it as well.
void until_true(int deadline_ms, const std::function<bool()>& asked) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
  while (!asked() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

void add_lines(Snapshot& all, const std::string& kind, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) all.lines.push_back(kind + " " + text.substr(at, end - at));
    at = end + 1;
  }
}

}  // namespace

Snapshot snapshot() {
  Snapshot all;
  // One shell, and `ip` once per family: as a program for each kind this was half of a test's time in hack/vmtest's machine.
  const std::string text = must_run(
      "printf 'link show\naddr show\nroute show table all\nrule show\n' | ip -d -j -4 -batch - && "
      "printf 'addr show\nroute show table all\nrule show\n' | ip -j -6 -batch - && "
      "bridge -j fdb show && echo && echo ruleset && nft -s list ruleset");
  const std::string mark = "\nruleset\n";
  const std::size_t rules = text.find(mark);
  add_objects(all, std::string_view(text).substr(0, rules));
  add_lines(all, "nft", text.substr(rules + mark.size()));
  std::sort(all.lines.begin(), all.lines.end());
  return all;
}

std::vector<std::string> difference(const Snapshot& before, const Snapshot& after) {
  std::vector<std::string> gone, fresh, all;
  std::set_difference(before.lines.begin(), before.lines.end(), after.lines.begin(), after.lines.end(),
                      std::back_inserter(gone));
  std::set_difference(after.lines.begin(), after.lines.end(), before.lines.begin(), before.lines.end(),
                      std::back_inserter(fresh));
  for (const std::string& line : gone) all.push_back("- " + line);
  for (const std::string& line : fresh) all.push_back("+ " + line);
  return all;
}

std::vector<std::string> changed_since(const Snapshot& before) {
  const auto settles = [](const std::string& line) {
    return line.starts_with("+ addr ") || line.starts_with("- addr ") || line.starts_with("+ route ") ||
           line.starts_with("- route ") || line.starts_with("+ fdb ") || line.starts_with("- fdb ");
  };
  std::vector<std::string> changes;
  until_true(10'000, [&] {
    changes = difference(before, snapshot());
    return !std::all_of(changes.begin(), changes.end(), settles) || changes.empty();
  });
  return changes;
}

void wait_settled() {
  const auto still_moving = [] {
    const std::string text = must_run("ip -j addr show");
    for (const nlohmann::json& link : nlohmann::json::parse(text)) {
      const auto flag = [&](const char* name) {
        const auto& flags = link.at("flags");
        return std::find(flags.begin(), flags.end(), name) != flags.end();
      };
      const std::string state = link.value("operstate", "UNKNOWN");
      if (flag("UP") && state != "UNKNOWN" && flag("LOWER_UP") != (state == "UP" || state == "DORMANT")) return true;
      for (const nlohmann::json& address : link.at("addr_info"))
        if (address.value("tentative", false) && !address.value("dadfailed", false)) return true;
    }
    return false;
  };
  until_true(10'000, [&] { return !still_moving(); });
}

std::vector<std::string> files_below(const std::string& directory) {
  Snapshot files;
  add_lines(files, "file", run("find '" + directory + "' -type f 2>/dev/null").out);
  for (std::string& line : files.lines) line.erase(0, 5);
  std::sort(files.lines.begin(), files.lines.end());
  return files.lines;
}

}  // namespace trestle::test
