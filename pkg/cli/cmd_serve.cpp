#include <string>

#include "base/error.h"
#include "cli/command.h"
#include "engine/service.h"

namespace trestle::cli {

namespace {

int run_serve(const Arguments& arguments, const Console&) {
  engine::Context host(0, 0);
  std::string directory = arguments.operands().front();
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  if (directory.front() != '/')
    throw UsageError("'" + directory + "' is no absolute path", "it is in /run/trestle-services");
  engine::serve(host, directory);
}

}  // namespace

const Command kServe{
    "serve",
    "About",
    "run the guest services of one switch (for the systemd unit)",
    "DIRECTORY is that of a switch in /run/trestle-services, which the ADD of a network with \"guestServices\" makes.\n"
    "The process becomes its dnsmasq. Where systemd does not run trestle-guests.path, the ADD starts it itself.\n"
    "\n"
    "Example\n"
    "  trestle serve /run/trestle-services/trdemo\n",
    {"DIRECTORY", 1, 1},
    {},
    true,
    true,
    run_serve};

}  // namespace trestle::cli
