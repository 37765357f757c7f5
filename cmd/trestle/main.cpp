#include <cstdlib>

#include "app/run.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
  trestle::app::prepare_process();
  const trestle::app::World world{[](std::string_view name) -> std::optional<std::string> {
                                    const char* value = std::getenv(std::string(name).c_str());
                                    if (!value || !*value) return std::nullopt;
                                    return value;
                                  },
                                  0, 1, 2};
  if (world.env("CNI_COMMAND")) return trestle::app::run(world);
  return trestle::cli::run(argc, argv, world);
}
