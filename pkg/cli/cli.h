#pragma once
#include "app/run.h"

namespace trestle::cli {

// What a person types (CNI_COMMAND is not set). Without arguments: help, exit 0. Returns the exit code.
int run(int argc, char** argv, const app::World& world);

}  // namespace trestle::cli
