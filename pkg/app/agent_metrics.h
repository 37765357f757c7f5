#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"

namespace trestle::app {

// What the agent counts, in Prometheus' text form.
struct AgentMetrics {
  std::uint64_t passes = 0, errors = 0, repairs = 0, made = 0, removed = 0;
  double last_pass_s = 0;
  double last_programming_s = 0;  // of it, bringing the peers of the tunnel that changed last into the kernel
  std::size_t attachments = 0;
  std::map<std::string, std::size_t> peers, asked, reached;  // by network
  std::string text() const;
};

// Who asks gets the text, as HTTP/1.0, whatever he asks. Never blocks.
class MetricsServer {
 public:
  // "" and 0: none. A socket that is left of an earlier agent is replaced. Throws Error{io}.
  MetricsServer(const std::string& path, int port);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  std::vector<int> fds() const;
  static void answer(int fd, const std::string& text);  // all that wait at this listener

 private:
  std::string path_;
  base::Fd local_, tcp_;
};

}  // namespace trestle::app
