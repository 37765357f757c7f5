// Arguments are read by libc's getopt_long. This executable is the CNI plugin too, and its start-up is part of every ADD: CLI11 in one
// file of its own, never called, costs 0.12 ms per exec (CNI_COMMAND=VERSION, least of 2,000 interleaved runs: 0.63 -> 0.75 ms; 0.72 ms
// with <iostream>'s initialiser kept out of it), getopt_long nothing that can be measured.
#include "cli/cli.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <vector>

#include "base/text.h"
#include "cli/command.h"

namespace trestle::cli {

namespace {

constexpr const Command* kCommands[] = {&kPlan,   &kStatus, &kAdd,    &kDel,     &kPs,    &kInspect, &kGraph,  &kCheck,
                                        &kRepair, &kGc,     &kUplink, &kOverlay, &kAgent, &kServe,   &kVersion};

constexpr Option kStateDir{"state-dir", "DIR", "the store (default: TRESTLE_STATE_DIR, else /run/trestle)"};
constexpr Option kHelp{"help", "", "this text (also -h)"};
constexpr Option kVersionOption{"version", "", "what 'trestle version' says"};
constexpr Option kGlobal[] = {kStateDir, kHelp, kVersionOption};

// main() holds interrupts back, for the sake of CNI calls: half of one is what we never leave. Who only looks may be stopped.
void allow_interrupts() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::vector<Option> options_of(const Command& command) {
  std::vector<Option> all(command.options.begin(), command.options.end());
  all.push_back(kStateDir);
  all.push_back(kHelp);
  return all;
}

const Command& required_command(const std::string& name) {
  if (const Command* command = find_command(name)) return *command;
  std::vector<std::string_view> names;
  for (const Command* known : kCommands) names.emplace_back(known->name);
  const std::string nearest = base::nearest(name, names);
  throw UsageError("unknown command '" + base::printable(name, 40) + "'" +
                       (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"),
                   "'trestle --help' shows all commands");
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(width > text.size() ? width - text.size() : 1, ' ');
}

std::string option_lines(std::span<const Option> options) {
  std::string text;
  for (const Option& option : options) {
    const std::string left = "--" + std::string(option.name) + (*option.value ? std::string(" ") + option.value : "");
    text += "  " + padded(left, 24) + option.help + "\n";
  }
  return text;
}

int run_command(const Command& command, std::span<char* const> argv, const Arguments& global, const Console& console) {
  if (!command.changes) allow_interrupts();
  Arguments arguments = Arguments::parse(argv, options_of(command), command.operands);
  if (arguments.has("help")) {
    console.print(help_of(command));
    return kDone;
  }
  arguments.inherit("state-dir", global);
  if (command.needs_root && ::geteuid() != 0)
    throw base::Error(base::Code::kernel, std::string("this needs root; try 'sudo trestle ") + command.name + " …'");
  return command.run(arguments, console);
}

int serve(std::span<char* const> argv, const Console& console, std::string& name) {
  const Arguments global = Arguments::parse(argv, kGlobal, {}, true);
  if (global.has("version")) return kVersion.run(global, console);
  if (global.has("help") || global.operands().empty()) {
    console.print(general_help());
    return kDone;
  }
  const std::string& word = global.operands().front();
  if (word == "help") {
    console.print(global.operands().size() > 1 ? help_of(required_command(global.operands()[1])) : general_help());
    return kDone;
  }
  const Command& command = required_command(word);
  name = command.name;
  return run_command(command, argv.subspan(global.consumed()), global, console);
}

// The host refused something to somebody who is not root.
base::Error with_advice(const base::Error& e, const std::string& name) {
  if (::geteuid() == 0 || (e.code != base::Code::store && e.code != base::Code::kernel)) return e;
  return base::Error(
      e.code, e.what(),
      e.details + (e.details.empty() ? "" : "\n") + "this is not root: try 'sudo trestle " + name + " …'");
}

}  // namespace

const Command* find_command(std::string_view name) {
  const auto it =
      std::find_if(std::begin(kCommands), std::end(kCommands), [&](const Command* c) { return c->name == name; });
  return it == std::end(kCommands) ? nullptr : *it;
}

std::string general_help() {
  std::string text =
      "Trestle plugs pods and virtual machines into virtual switches.\n"
      "It is a CNI plugin (container runtimes call it); these commands are for people.\n"
      "\n"
      "usage: trestle [--state-dir DIR] COMMAND …       'trestle COMMAND --help' says more\n";
  const char* group = "";
  for (const Command* command : kCommands) {
    if (std::string_view(group) != command->group) text += "\n" + std::string(group = command->group) + "\n";
    text += "  " + padded(std::string(command->name) + " " + command->operands.help, 36) + command->summary + "\n";
  }
  return text +
         "\n"
         "Examples\n"
         "  trestle plan net.conflist                              what an attachment to this network would be\n"
         "  trestle add net.conflist --netns pod-a --ifname eth0   plug the namespace /run/netns/pod-a in\n"
         "  trestle ps                                             who is plugged in, and how they are\n"
         "\n"
         "Exit codes: 0 done, 1 it failed or something is not as it should be, 2 wrong usage.\n";
}

std::string help_of(const Command& command) {
  std::string usage = std::string("usage: trestle ") + command.name;
  if (*command.operands.help) usage += std::string(" ") + command.operands.help;
  return std::string(command.summary) + "\n\n" + usage + " [options]\n\n" + command.text + "\nOptions\n" +
         option_lines(options_of(command));
}

int run(int argc, char** argv, const app::World& world) {
  const Console console(world);
  std::string name;
  try {
    return serve({argv, static_cast<std::size_t>(argc)}, console, name);
  } catch (const UsageError& e) {
    console.error(
        name, UsageError(e.what(),
                         e.details.empty() && !name.empty() ? "'trestle " + name + " --help' says more" : e.details));
    return kWrongUsage;
  } catch (const base::Error& e) {
    console.error(name, with_advice(e, name));
    return kFailed;
  } catch (const std::exception& e) {
    console.error(name,
                  base::Error(base::Code::bug, std::string("internal error: ") + e.what() + "; please report it"));
    return kFailed;
  }
}

}  // namespace trestle::cli
