#pragma once
// switches/<bridge>/: facts, and the shared parts with their refs. What Store promises of them (store.h) is kept here.
// Writing (set_facts, put, sweep) goes on under the store's lock: two calls would use one temporary file.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/directory.h"
#include "store/store.h"

namespace trestle::store {

class Parts {
 public:
  explicit Parts(const Dir& root) : root_(root) {}

  std::optional<plan::Facts> facts(const net::IfName& bridge) const;
  void set_facts(const net::IfName& bridge, const plan::Facts& facts) const;
  bool written(const PartRef& ref) const;  // its Steps are there, whole
  bool ready(const PartRef& ref) const;
  void put(const Part& part) const;
  void set_ready(const PartRef& ref, bool ready) const;
  std::vector<Part> all() const;
  void remove(const PartRef& ref) const;
  std::vector<net::IfName> switches() const;           // that have a directory, with parts or without
  void remove_empty(const net::IfName& bridge) const;  // its directory, when no part is in it

  // Refs, by the owner's hash. put_ref: true when it is new; throws Error{store}. drop_ref: 0 or an errno; `was` tells
  // whether it was there.
  bool put_ref(const PartRef& ref, std::uint64_t owner) const;
  int drop_ref(const PartRef& ref, std::uint64_t owner, bool* was = nullptr) const noexcept;
  std::vector<PartRef> refs_of(std::uint64_t owner) const;
  std::vector<std::uint64_t> owners(const PartRef& ref) const;
  // Drops those refs that `keep` does not want. True when none is left.
  bool unused(const PartRef& ref, const std::function<bool(std::uint64_t owner)>& keep) const;
  // Temporary files that kills left.
  void sweep() const;

 private:
  struct Read {
    std::string text;  // of its file
    std::string network;
    std::vector<plan::Step> steps;
  };
  std::vector<PartRef> list() const;
  Part read(const Dir& dir, const PartRef& ref) const;
  const Dir& root_;
  // Whoever makes five switches looks at all parts dozens of times: the very same bytes are not read as JSON again.
  mutable std::map<std::pair<net::IfName, std::string>, Read> read_;
};

}  // namespace trestle::store
