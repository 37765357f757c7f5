#include "engine/shape.h"

#include "base/error.h"
#include "plan/plan.h"

namespace trestle::engine {

void make(Context&, const plan::Shape& step) { throw base::Error(base::Code::kernel_lacks, plan::describe(step)); }
std::optional<std::string> defect_of(Context&, const plan::Shape&) { return std::nullopt; }
void take_away(Context&, const plan::Shape&) {}

}  // namespace trestle::engine
