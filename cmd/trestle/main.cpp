#include <cstdlib>

#include "app/run.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
  const trestle::app::World world{[](std::string_view name) -> std::optional<std::string> {
                                    const char* value = std::getenv(std::string(name).c_str());
                                    if (!value || !*value) return std::nullopt;
                                    return value;
                                  },
                                  0, 1, 2};
  const bool for_a_runtime = world.env("CNI_COMMAND").has_value();
  trestle::app::prepare_process(for_a_runtime);
  return for_a_runtime ? trestle::app::run(world) : trestle::cli::run(argc, argv, world);
}
