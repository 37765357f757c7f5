#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/attachment.h"
#include "app/shared.h"
#include "base/text.h"
#include "cli/attachments.h"
#include "cli/command.h"
#include "cli/conf_file.h"
#include "cli/node.h"

namespace trestle::cli {

namespace {

constexpr Option kOptions[] = {
    {"dry-run", "", "only say what would be removed"},
    {"plugin", "N", "of a list, the N-th plugin (default: the one of type trestle)"},
};

struct Outcome {
  std::string removed;  // one line each
  std::size_t count = 0;
  std::vector<std::string> left;  // what could not be removed
};

std::string line_of(const store::Record& record) {
  const std::string addresses = base::join(addresses_of(record), ", ");
  return name_of(record) + (addresses.empty() ? "" : " (" + addresses + ")") + ": " + record.netns + " is gone\n";
}

// Looked at again under its lock: the same id may have been attached anew since the list was read. Its links went with its namespace, so one at
// a time costs no waiting for RCU.
// The kernel takes a pod's links away some time after its namespace, and what a killed call has started holds its locks for a moment more: what
// ps showed as gone was not found.
constexpr std::chrono::milliseconds kSoon{500}, kPause{10};

template <class F>
bool soon(const store::Deadline& deadline, F&& done) {
  while (!done()) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

bool has_lost_pod(app::Session& session, const store::Record& record, const store::Deadline& deadline) {
  if (app::in_its_netns(session, record)) return false;
  return soon(deadline, [&] { return !app::has_links(session, record); });
}

void bury(app::Session& session, const store::Record& seen, const store::Deadline& deadline, Outcome& outcome) {
  std::optional<app::Held> held;
  if (!soon(deadline, [&] { return (held = app::try_hold_attachment(session, seen.owner)).has_value(); })) {
    outcome.left.push_back(name_of(seen) + ": another call is at work on it");
    return;
  }
  if (!held->record || held->record->at != seen.at || app::alive(session, *held->record)) return;
  const std::string line = line_of(*held->record);
  for (std::string& left : app::take_away(session, std::move(*held), true))
    outcome.left.push_back(name_of(seen) + ": " + left);
  outcome.removed += line;
  ++outcome.count;
}

std::string summary(const Outcome& outcome, bool dry) {
  if (outcome.count == 0) return "no attachment has lost its pod\n";
  return outcome.removed + std::to_string(outcome.count) + (outcome.count == 1 ? " attachment" : " attachments") +
         (dry ? " would be removed\n" : " removed\n");
}

int run_gc(const Arguments& arguments, const Console& console) {
  const bool dry = arguments.has("dry-run");
  const nlohmann::json conf =
      arguments.operands().empty() ? nlohmann::json::object() : load_conf(arguments, console).conf;
  const std::string only = arguments.operands().empty() ? "" : config::parse_minimal(conf, cni::Command::del).name;
  Node node(settings(arguments, console, conf), console, app::Session::Access::read);
  const Attachments all = attachments(node.session);
  Outcome outcome;
  const auto deadline = store::Deadline::in(kSoon);  // for all of them
  for (const store::Record& record : all.records) {
    if ((!only.empty() && record.owner.network != only) || !has_lost_pod(node.session, record, deadline)) continue;
    if (!dry) {
      bury(node.session, record, deadline, outcome);
    } else {
      outcome.removed += line_of(record);
      ++outcome.count;
    }
  }
  if (!dry && node.session.has_store()) {
    node.session.store().sweep();
    for (std::string& line : app::release_unused(node.session)) outcome.left.push_back(std::move(line));
  }
  console.print(summary(outcome, dry));
  for (const std::string& line : all.unreadable) console.note(line + "; its DEL removes it");
  if (!outcome.left.empty())
    throw base::Error(base::Code::teardown, "something is left; run it again", base::join(outcome.left, "\n"));
  return kDone;
}

}  // namespace

const Command kGc{
    "gc",
    "While pods run",
    "remove attachments whose pods are gone",
    "An attachment is removed when its pod's namespace and its host link are both gone; living ones never are.\n"
    "With FILE only those of that network. Switches that nobody needs go too.\n"
    "\n"
    "Example\n"
    "  trestle gc --dry-run\n",
    {"[FILE]", 0, 1},
    kOptions,
    true,
    true,
    run_gc};

}  // namespace trestle::cli
