#pragma once
// One command of a person. Each has a file of its own, cmd_<name>.cpp; all stand in one table (cli.cpp).
#include <span>
#include <string>
#include <string_view>

#include "app/run.h"
#include "cli/arguments.h"

namespace trestle::cli {

inline constexpr int kDone = 0, kFailed = 1,
                     kWrongUsage = 2;  // exit codes; kFailed also: something is not as it should be

// Where a command's words go.
class Console {
 public:
  explicit Console(const app::World& world) : world_(world) {}
  const app::World& world() const { return world_; }
  // To stdout, all at once; throws Error{io} when nobody reads it.
  void print(const std::string& text) const;
  // A line of advice to stderr: "note: …".
  void note(const std::string& text) const;
  // A line that an Error made: "trestle ps: <sentence>", its details indented below.
  void error(std::string_view command, const base::Error& e) const;

 private:
  const app::World& world_;
};

struct Command {
  const char* name;
  const char* group;    // heading in the help of all
  const char* summary;  // one line there
  const char* text;     // what its own help says below that: paragraphs and an example
  Operands operands;
  std::span<const Option> options;  // besides --state-dir and --help, which all have
  bool needs_root;
  bool changes;                                  // the kernel or the store: then an interrupt waits until it is done
  int (*run)(const Arguments&, const Console&);  // returns the exit code; throws Error
};

extern const Command kPlan, kAdd, kDel, kPs, kInspect, kGraph, kCheck, kGc, kRepair, kStatus, kUplink, kOverlay, kAgent,
    kServe, kVersion;

// The help of all commands, and of one.
std::string general_help();
std::string help_of(const Command& command);
// nullptr: there is none of that name.
const Command* find_command(std::string_view name);

}  // namespace trestle::cli
