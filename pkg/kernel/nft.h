#pragma once
// nftables: all changes of one call are one batch, which is a transaction. Table `trestle`, families inet and bridge.
// Rules come as text (kernel/nft_text.h) and become expressions in kernel/nft_rule.h.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "kernel/traffic.h"
#include "net/ip.h"
#include "plan/step.h"

namespace trestle::kernel {

// Collects changes, then sends them as one transaction.
class NftBatch {
 public:
  NftBatch();
  ~NftBatch();
  NftBatch(const NftBatch&) = delete;
  NftBatch& operator=(const NftBatch&) = delete;

  // Tables, sets and chains are created when missing; every chain named in the text is flushed and filled anew, so that
  // applying twice is applying once, and an upgrade replaces. What the text names of other Rules must be there, or
  // earlier in the batch. Each rule carries the comment "trestle <digest>" (16 hex digits of hash64(text)). Throws
  // Error{bug} naming the line that it does not understand; the batch is empty
  // then.
  void add_rules(const plan::Rules& rules);
  // "tables": deletes both tables. Else: the chains and sets of the text. An absent object makes the transaction fail
  // with ENOENT, one that something refers to (a chain that an element jumps to) with EBUSY.
  void delete_rules(const plan::Rules& rules);
  // One that is there already is no error, but in a map with another value (EEXIST, EBUSY on older kernels).
  void add_elements(const plan::Elements& elements);
  void delete_elements(const plan::Elements& elements);
  bool empty() const;

  struct Outcome {
    bool done = true;
    int err = 0;           // of the first refusal
    std::string what;      // which object: "bridge elements ports"
    bool missing() const;  // ENOENT: a table, chain or set of ours is gone (somebody flushed), or an element to delete
  };
  // Sends everything in one sendmsg and clears the batch. `done` is said only when the kernel has said so. ERESTART,
  // EINTR and EBUSY (the ruleset moved) and an answer lost to ENOBUFS (reliability.md 21: it may stand or not) are
  // tried again a few times; so after a loss a deletion may be refused with ENOENT because it was done. Throws as
  // Socket does when the conversation fails.
  Outcome send(Socket& netfilter);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Deletes elements; what is absent is skipped, also when the set or the table is. For undo: a single missing element
// must not keep the others. Throws Error{kernel} for any other refusal.
void remove_elements(Socket& netfilter, const std::vector<plan::Elements>& elements);
// Deletes chains and sets of `rules` that exist ("tables": the tables); what is absent is skipped. Throws Error{kernel}
// naming the object when one is still in use.
void remove_rules(Socket& netfilter, const plan::Rules& rules);

// What is missing: empty when the whole Step holds. For rules one line per defect: a table, set or chain that is not
// there, a chain whose rules are not ours or not all there, a base chain whose policy is not accept; for elements the
// text of each absent one. `table_gone` is set when a table itself is not there: then that is the one defect of its
// family.
std::vector<std::string> missing_rules(Socket& netfilter, const plan::Rules& rules, bool* table_gone);
std::vector<std::string> missing_elements(Socket& netfilter, const plan::Elements& elements, bool* table_gone);

// Names of the sets of our table in a family (empty when there is no table).
std::vector<std::string> set_names(Socket& netfilter, plan::Table table);
// All elements of one of our sets, for GC's sweep. Empty when there is no such set. What no plan::Element can say (a
// range that is no prefix, a foreign hand's) is left out.
std::vector<plan::Element> list_elements(Socket& netfilter, plan::Table table, const std::string& set);

// What each element of a set of addresses that counts has let in, since it was put in. Empty when there is no such set.
std::map<net::Ip, Traffic> address_counters(Socket& netfilter, plan::Table table, const std::string& set);

}  // namespace trestle::kernel
