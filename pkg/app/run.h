#pragma once
#include "cni/request.h"

namespace trestle::app {

// Everything the program sees of the world: main() fills it, a test uses pipes and a map.
struct World {
  cni::Env env;
  int in = 0;
  int out = 1;  // one JSON document, written once, after everything that can fail
  int log = 2;  // for people, never read by the runtime
};

// Serves one CNI call (CNI_COMMAND is set). Returns the exit code; never throws.
int run(const World& world) noexcept;

// What every process of ours needs before anything else: descriptors 0-2 open, umask 077, SIGPIPE ignored, and SIGTERM, SIGINT and SIGHUP held
// back: a call is short, bounded by its deadline, and half of one is what we never leave. A runtime's call also leaves the directory
// that it was started in; a person's file names are relative to it.
void prepare_process(bool for_a_runtime) noexcept;

}  // namespace trestle::app
