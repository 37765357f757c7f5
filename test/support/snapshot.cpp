#include "support/snapshot.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

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

void add_objects(Snapshot& all, const std::string& kind, const std::string& command) {
  const std::string text = must_run(command);
  if (text.empty()) return;
  for (nlohmann::json object : nlohmann::json::parse(text)) {
    still(object);
    if (!object.empty()) all.lines.push_back(kind + " " + object.dump());
  }
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
  add_objects(all, "link", "ip -d -j link show");
  add_objects(all, "addr", "ip -j addr show");
  add_objects(all, "route", "ip -j -4 route show table all");
  add_objects(all, "route", "ip -j -6 route show table all");
  add_objects(all, "rule", "ip -j -4 rule show");
  add_objects(all, "rule", "ip -j -6 rule show");
  add_objects(all, "fdb", "bridge -j fdb show");
  add_lines(all, "nft", must_run("nft -s list ruleset"));
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

std::vector<std::string> files_below(const std::string& directory) {
  Snapshot files;
  add_lines(files, "file", run("find '" + directory + "' -type f 2>/dev/null").out);
  for (std::string& line : files.lines) line.erase(0, 5);
  std::sort(files.lines.begin(), files.lines.end());
  return files.lines;
}

}  // namespace trestle::test
