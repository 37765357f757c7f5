#include "engine/publish.h"

#include "base/error.h"
#include "plan/plan.h"

namespace trestle::engine {

void make(Context&, const plan::Publish& step) { throw base::Error(base::Code::kernel_lacks, plan::describe(step)); }
std::optional<std::string> defect_of(Context&, const plan::Publish&) { return std::nullopt; }
void take_away(Context&, const plan::Publish&) {}

}  // namespace trestle::engine
