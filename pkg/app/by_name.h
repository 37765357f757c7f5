#pragma once
#include <string>
#include <vector>

#include "app/session.h"
#include "net/names.h"

namespace trestle::app {

// Without a readable record: what can be told from the names alone. Host link by the derived name, elements by that link's name; in `netns`,
// when it is there, TAPs by their alias and policy rules of addresses that are gone.
[[nodiscard]] std::vector<std::string> take_away_by_name(Session& session, const net::Owner& owner,
                                                         const std::string& netns);

}  // namespace trestle::app
