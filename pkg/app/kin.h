#pragma once
// Attachments of one VM: what two pods of it both name is made once and goes with the last of them.
#include <set>
#include <string>
#include <vector>

#include "app/session.h"
#include "store/store.h"

namespace trestle::app {

// To be held from before a record of the VM is committed, or its plan undone, until that is done: an ADD that finds a port of the host
// published already must not lose it to a DEL that saw no second pod. Nothing to hold for "".
store::Lock hold_vm(Session& session, const std::string& vm);
// nullopt: somebody else has it.
std::optional<store::Lock> try_hold_vm(Session& session, const std::string& vm);

// Undoes the record's plan but for what another pod of its VM names (plan::unnamed). The caller holds the VM. Returns what is left.
[[nodiscard]] std::vector<std::string> undo_own(Session& session, const store::Record& record);

// The same in two steps, for many at once. The Steps to undo; pods of `going` do not count, they go together with this one.
std::vector<plan::Step> own_steps(Session& session, const store::Record& record, const std::set<net::Owner>& going);
// When `own` is undone: puts back what that took from other pods of the VM though they name it, the mark on a port of the pod that they
// lead another port of the host to. What fails is logged: it is not this attachment's failure.
void restore_kin(Session& session, const store::Record& record, const std::vector<plan::Step>& own,
                 const std::set<net::Owner>& going);

}  // namespace trestle::app
