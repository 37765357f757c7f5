#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "overlay_world.h"

namespace trestle::test {

// Runs in the background of that node until the object ends.
class Agent {
 public:
  Agent(const Cluster& cluster, int n, const nlohmann::json& conf,
        const std::string& options = "--interval 1 --metrics-port 9754")
      : cluster_(cluster), n_(n) {
    Cluster::write(file(), conf.dump());
    cluster.node(n).must_exec("TRESTLE_STATE_DIR=" + Cluster::state(n) + " setsid " + trestle_program() + " agent " +
                              options + " " + file() + " > /run/agent" + std::to_string(n) + ".log 2>&1 & echo $! > " +
                              pid());
  }
  ~Agent() { kill("TERM"); }
  void kill(const std::string& signal) const {
    run("kill -" + signal + " $(cat " + pid() + ") 2>/dev/null; sleep 0.2");
  }
  std::string file() const { return "/run/agent" + std::to_string(n_) + ".json"; }
  std::string log() const { return run("cat /run/agent" + std::to_string(n_) + ".log").out; }
  std::string metrics() const {
    return cluster_.node(n_)
        .exec("printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' | timeout 2 busybox nc 127.0.0.1 9754")
        .out;
  }

 private:
  std::string pid() const { return "/run/agent" + std::to_string(n_) + ".pid"; }
  const Cluster& cluster_;
  int n_;
};

inline bool becomes_true(const std::function<bool()>& what, int seconds = 10) {
  for (int i = 0; i < seconds * 10; ++i) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

}  // namespace trestle::test
