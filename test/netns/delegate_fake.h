#pragma once
// An IPAM plugin "fake-ipam": a script that writes down how it was called and answers as it is told.
#include <unistd.h>

#include <fstream>
#include <string>

#include "support/scratch.h"

namespace trestle::test {

class Fake {
 public:
  // `body`: what it does, a shell script; $CNI_COMMAND and the log's $LOG are set, the configuration is in $CONF.
  explicit Fake(const std::string& body) : folder_("/run/fake-" + std::to_string(::getpid())) {
    must_run("rm -rf " + folder_ + " && mkdir -p " + folder_);
    std::ofstream script(folder_ + "/fake-ipam");
    script << "#!/bin/sh\nLOG=" << log()
           << "\nCONF=$(cat)\necho \"$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS $CNI_ARGS\" >> $LOG\n"
           << "printf '%s\\n' \"$CONF\" > " << folder_ << "/conf\n"
           << body << '\n';
    script.close();
    must_run("chmod +x " + folder_ + "/fake-ipam");
  }
  ~Fake() { run("rm -rf " + folder_); }
  Fake(const Fake&) = delete;
  Fake& operator=(const Fake&) = delete;
  const std::string& folder() const { return folder_; }
  std::string log() const { return folder_ + "/log"; }
  std::string calls() const { return run("cut -d' ' -f1 " + log() + " | tr '\\n' ' '").out; }
  std::string conf() const { return run("cat " + folder_ + "/conf").out; }

 private:
  std::string folder_;
};

}  // namespace trestle::test
