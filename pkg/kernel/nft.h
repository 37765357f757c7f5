#pragma once
// nftables by libnftnl: all changes of one call are one batch, which is a transaction. Table `trestle`, families inet and bridge.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// Collects changes, then sends them as one transaction.
class NftBatch {
 public:
  NftBatch();
  ~NftBatch();
  NftBatch(const NftBatch&) = delete;
  NftBatch& operator=(const NftBatch&) = delete;

  // Tables, sets and chains are created when missing; every chain named in the text is flushed and filled anew, so that applying twice
  // is applying once, and an upgrade replaces. Each rule carries `comment` "trestle <digest>" (16 hex digits of hash64(text)).
  void add_rules(const plan::Rules& rules);
  // "tables": deletes both tables. Else: the chains and sets of the text. An absent object makes the transaction fail with ENOENT.
  void delete_rules(const plan::Rules& rules);
  void add_elements(const plan::Elements& elements);
  void delete_elements(const plan::Elements& elements);
  bool empty() const;

  struct Outcome {
    bool done = true;
    int err = 0;               // of the first refusal
    std::string what;          // which object: "elements bridge ports"
    bool missing() const;      // ENOENT: a table, chain or set of ours is gone (somebody flushed)
  };
  // Sends everything in one sendmsg. ERESTART/EINTR/EBUSY (the ruleset's generation moved) is tried again. Clears the batch.
  Outcome send(Socket& netfilter);

 private:
  struct Impl;
  Impl* impl_;
};

// Deletes elements one by one where needed: what is absent is skipped. For undo: a single missing element must not keep the others.
void remove_elements(Socket& netfilter, const std::vector<plan::Elements>& elements);
// Deletes chains and sets of `rules` that exist; what is absent is skipped.
void remove_rules(Socket& netfilter, const plan::Rules& rules);

// What is missing: empty when the whole Step holds. One line per defect for rules; for elements the text of each absent one.
// `table_gone` is set when the table itself is not there.
std::vector<std::string> missing_rules(Socket& netfilter, const plan::Rules& rules, bool* table_gone);
std::vector<std::string> missing_elements(Socket& netfilter, const plan::Elements& elements, bool* table_gone);

// Names of the chains and sets of our table in a family (empty when there is no table), and the interface names in a set's first field.
std::vector<std::string> chain_names(Socket& netfilter, plan::Table table);
// All elements of one of our sets, for GC's sweep. Empty when there is no such set.
std::vector<plan::Element> list_elements(Socket& netfilter, plan::Table table, const std::string& set);

}  // namespace trestle::kernel
