#include "app/attachment.h"
#include "app/by_name.h"
#include "app/delegated.h"
#include "app/shared.h"
#include "app/siblings.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// Never "not found" nor "no such file" in here: go-cni swallows a DEL error that says so, and the pod is never tried again.
[[noreturn]] void incomplete(const net::Owner& owner, const std::vector<std::string>& failed) {
  throw Error(Code::teardown,
              "attachment " + owner.container + "/" + owner.ifname + " of network '" + owner.network +
                  "' is not wholly removed; DEL it again",
              base::join(failed, "\n"));
}

// Of switches that no record leads to. One may be another network's: not this attachment's failure.
void release_forgotten(Session& session) {
  std::vector<std::string> left = release_unused(session);
  for (std::string& line : release_unknown(session)) left.push_back(std::move(line));
  for (const std::string& line : left)
    session.log().write(Log::Level::warn, "a switch that nobody needs is left; GC will take it away", {{"what", line}});
}

// There is no record that can be read: an earlier DEL, an ADD that never got that far, a store that was lost or damaged. Any of them may have
// been killed between two steps, so whatever nobody refers to goes.
std::vector<std::string> del_unknown(Session& session, const net::Owner& owner, bool unreadable,
                                     const std::vector<store::Delegated>& delegates, const std::string& netns) {
  auto failed = take_away_by_name(session, owner, netns);
  store::Record as_asked;
  as_asked.owner = owner;
  as_asked.netns = netns;
  as_asked.delegates = delegates;
  for (std::string& line : give_lease_back(as_asked)) failed.push_back(std::move(line));
  if (!failed.empty()) return failed;
  if (!unreadable) session.store().mark_departed(owner);
  session.store().remove(owner, true);
  static_cast<void>(session.store().drop_stray_refs(owner));
  release_forgotten(session);
  return {};
}

}  // namespace

void del(Session& session, const cni::Request& request, const config::Minimal& conf) {
  const net::Owner owner{conf.name, request.container, request.ifname};
  const std::vector<store::Delegated> delegates = delegates_of(conf, request, request.ifname);
  Held held = hold_attachment(session, owner);
  std::vector<std::string> failed;
  if (held.record) {
    session.store().mark_departed(owner);  // the record may be of an ADD that was killed, while a second one waits
    const bool adopted = store::is_adopted(*held.record);
    const store::Lock pod = std::move(held.pod);
    const store::Record record = *held.record;
    if (adopted) {  // delegates are known from the configuration alone
      held.record->netns = request.netns;
      held.record->delegates = delegates;
      failed = take_away_by_name(session, owner, request.netns);  // its NICs on switches that nobody has come back to
    }
    for (std::string& line : take_away(session, std::move(held), true, delegates)) failed.push_back(std::move(line));
    if (adopted) release_forgotten(session);
    mend_tables(session, record);
  } else {
    failed = del_unknown(session, owner, held.unreadable, delegates, request.netns);
  }
  if (!failed.empty()) incomplete(owner, failed);
}

}  // namespace trestle::app
