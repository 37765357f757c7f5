#pragma once
// One attachment on the node: finding its locks in order, taking it away.
#include <optional>
#include <string>
#include <vector>

#include "app/session.h"
#include "store/store.h"

namespace trestle::app {

// An owner's attachment lock together with the pod, switch and VM locks its record asks for, in the right order; the record as it is now.
struct Held {
  store::Lock pod;
  std::vector<store::Lock> switches;
  store::Lock attachment;
  store::Lock vm;                       // of the record's VM, if it is one's
  std::optional<store::Record> record;  // nullopt: there is none
  bool unreadable = false;              // there is one, and it cannot be read
  std::vector<store::PartRef> fresh;    // what its ADD made of switches, when it is undone for having failed
};

// Waits until the deadline (Error{try_again}).
Held hold_attachment(Session& session, const net::Owner& owner);
// The same without waiting; nullopt when somebody else holds one of them.
std::optional<Held> try_hold_attachment(Session& session, const net::Owner& owner);

// Undoes the record's plan (kernel objects of another host namespace are not touched), puts its leases to rest and removes it; the switch
// locks go with its last part. Returns what is still there: then the record stays, for another try; of one whose delegate alone fails, no more than
// that. `present`: what the configuration has now of delegates, for one that refuses what the record has.
[[nodiscard]] std::vector<std::string> take_away(Session& session, Held held, bool rest,
                                                 const std::vector<store::Delegated>& present = {});
// The same of one whose delegates were told already: `owed` is what they refused.
[[nodiscard]] std::vector<std::string> take_away_told(Session& session, Held held, bool rest,
                                                      std::vector<std::string> owed);

// The kernel's part of that, of these Steps of the record: what they name in the pod as well, when the record's namespace is still there.
// Returns what is left.
[[nodiscard]] std::vector<std::string> undo(Session& session, const store::Record& record,
                                            const std::vector<plan::Step>& steps);
// Does undoing it take more than the host's namespace?
bool reaches_into_pod(const std::vector<plan::Step>& steps);

// Is a host link of the record there?
bool has_links(Session& session, const store::Record& record);
// Does the path of the record's namespace still lead to that very namespace (by cookie)?
bool in_its_netns(Session& session, const store::Record& record);
// Is it the attachment of a pod that lives, of the one at hand or of another?
bool is_here(Session& session, const store::Record& record);
// Does the pod still exist? Its namespace's path leads to the same namespace (by cookie), or its host link is still there.
bool alive(Session& session, const store::Record& record);

// Looks at the next few records after where the last look ended and takes away those whose pod is gone: containerd never calls GC.
void heal_some(Session& session, const net::Owner& except);
// The same for all records (the agent, for runtimes that never call GC).
void heal_all(Session& session);

}  // namespace trestle::app
