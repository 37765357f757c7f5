#include "base/text.h"
#include "cli/command.h"
#include "cni/result.h"

namespace trestle::cli {

namespace {

int run_version(const Arguments&, const Console& console) {
  console.print("trestle " TRESTLE_VERSION "\nCNI " + base::join(cni::supported_versions(), " ") + "\n");
  return kDone;
}

}  // namespace

const Command kVersion{"version",
                       "About",
                       "the version, and the versions of CNI it speaks",
                       "Example\n"
                       "  trestle version\n",
                       {},
                       {},
                       false,
                       false,
                       run_version};

}  // namespace trestle::cli
