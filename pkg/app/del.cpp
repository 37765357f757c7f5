#include "app/attachment.h"
#include "app/shared.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// Never "not found" nor "no such file" in here: go-cni swallows a DEL error that says so, and the pod is never tried again.
[[noreturn]] void incomplete(const net::Owner& owner, const std::vector<std::string>& failed) {
  throw Error(Code::teardown, "attachment " + owner.container + "/" + owner.ifname + " of network '" + owner.network +
              "' is not wholly removed; DEL it again", base::join(failed, "\n"));
}

// There is no record: an earlier DEL, an ADD that never got that far, or a store that was lost.
std::vector<std::string> del_unknown(Session& session, const net::Owner& owner) {
  session.store().mark_departed(owner);
  auto failed = take_away_by_name(session, owner);
  for (std::string& line : release_switches(session, {}, session.store().drop_stray_refs(owner))) failed.push_back(std::move(line));
  return failed;
}

std::vector<std::string> del_unreadable(Session& session, const net::Owner& owner) {
  auto failed = take_away_by_name(session, owner);
  if (!failed.empty()) return failed;
  session.store().remove(owner, true);
  for (std::string& line : release_switches(session, {}, session.store().drop_stray_refs(owner))) failed.push_back(std::move(line));
  return failed;
}

}  // namespace

void del(Session& session, const cni::Request& request, const config::Minimal& conf) {
  const net::Owner owner{conf.name, request.container, request.ifname};
  Held held = hold_attachment(session, owner);
  std::vector<std::string> failed;
  if (held.unreadable) {
    failed = del_unreadable(session, owner);
  } else if (!held.record) {
    failed = del_unknown(session, owner);
  } else {
    failed = take_away(session, std::move(held), true);
  }
  if (!failed.empty()) incomplete(owner, failed);
}

}  // namespace trestle::app
