#pragma once
#include <string>

#include "base/fd.h"
#include "support/netns.h"
#include "support/run.h"

namespace trestle::test {

// A host of one test case: a fresh network namespace, current while the object lives, with lo up, a /sys that shows it,
// and a state directory of its own. Only one at a time.
class ScratchHost {
 public:
  ScratchHost();
  ~ScratchHost();
  ScratchHost(const ScratchHost&) = delete;
  ScratchHost& operator=(const ScratchHost&) = delete;
  const base::Fd& netns() const { return netns_; }
  const std::string& state_dir() const {
    return state_dir_;
  }  // below /run; made by whoever uses it, removed at the end

 private:
  base::Fd outside_, netns_;
  std::string state_dir_;
};

// A named network namespace as runtimes make them: a file /run/netns/NAME with the namespace mounted on it, lo up.
class Pod {
 public:
  explicit Pod(std::string name);
  ~Pod();
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;
  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }
  const base::Fd& netns() const { return netns_; }
  Ran exec(const std::string& command) const;  // a shell command inside
  std::string must_exec(const std::string& command) const;
  // The namespace is gone and so is the file; with `leave_file` the empty file stays, as after a crash of the runtime.
  void remove(bool leave_file = false);

 private:
  std::string name_, path_;
  base::Fd netns_;
};

}  // namespace trestle::test
