#include "app/agent_metrics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace trestle::app {

namespace {

// Label values: what could end one is escaped.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c != '\n') out += c;
  }
  return '"' + out + '"';
}

void metric(std::string& out, const char* name, const char* type, const char* help, const std::string& value) {
  out +=
      std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n" + name + " " + value + "\n";
}

void by_network(std::string& out, const char* name, const char* help,
                const std::map<std::string, std::size_t>& values) {
  out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " gauge\n";
  for (const auto& [network, value] : values)
    out += std::string(name) + "{network=" + quoted(network) + "} " + std::to_string(value) + "\n";
}

constexpr int kBacklog = 16;

base::Fd listen_local(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path)
    throw base::Error(base::Code::io,
                      "metrics socket " + path + ": the path is longer than a Unix socket's may be (107 bytes)");
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  // One that was killed left its socket, which refuses; one that runs would be robbed of it.
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) {
    const base::Fd asks(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!asks.valid()) base::throw_errno(errno, "open a Unix socket", base::Code::io);
    if (::connect(asks.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
        errno != ECONNREFUSED)
      throw base::Error(
          base::Code::io,
          "metrics socket " + path +
              ": another agent runs and answers there, or another program has it; stop it, or give this one "
              "another socket (--metrics PATH)");
    (void)::unlink(path.c_str());
  }
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    base::throw_errno(errno, "metrics socket " + path, base::Code::io);
  return fd;
}

base::Fd listen_loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (fd.valid()) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!fd.valid() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    base::throw_errno(errno, "metrics port " + std::to_string(port), base::Code::io);
  return fd;
}

}  // namespace

std::string AgentMetrics::text() const {
  std::string out;
  metric(out, "trestle_agent_passes_total", "counter", "Looks at the node.", std::to_string(passes));
  metric(out, "trestle_agent_errors_total", "counter", "Looks that failed, in whole or in part.",
         std::to_string(errors));
  metric(out, "trestle_agent_repairs_total", "counter", "Times that something another hand had changed was made again.",
         std::to_string(repairs));
  metric(out, "trestle_agent_last_pass_seconds", "gauge", "How long the last look took.", std::to_string(last_pass_s));
  metric(out, "trestle_overlay_last_programming_seconds", "gauge",
         "Of the last look that changed peers, the time to bring them into the kernel.",
         std::to_string(last_programming_s));
  metric(out, "trestle_attachments", "gauge", "Attachments on the node.", std::to_string(attachments));
  metric(out, "trestle_overlay_entries_made_total", "counter", "Entries for peers that were programmed.",
         std::to_string(made));
  metric(out, "trestle_overlay_entries_removed_total", "counter", "Entries for peers that were removed.",
         std::to_string(removed));
  by_network(out, "trestle_overlay_peers", "Other nodes of the network.", peers);
  by_network(out, "trestle_overlay_peers_asked", "Of those, how many were asked last.", asked);
  by_network(out, "trestle_overlay_peers_reached",
             "Of those asked last, how many answered by a full frame through the tunnel.", reached);
  return out;
}

MetricsServer::MetricsServer(const std::string& path, int port)
    : path_(path),
      local_(path.empty() ? base::Fd() : listen_local(path)),
      tcp_(port == 0 ? base::Fd() : listen_loopback(port)) {}

MetricsServer::~MetricsServer() {
  if (local_.valid()) (void)::unlink(path_.c_str());
}

std::vector<int> MetricsServer::fds() const {
  std::vector<int> out;
  for (const base::Fd* fd : {&local_, &tcp_})
    if (fd->valid()) out.push_back(fd->get());
  return out;
}

void MetricsServer::answer(int fd, const std::string& text) {
  for (;;) {
    const base::Fd peer(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer.valid()) return;
    const std::string answer =
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: " + std::to_string(text.size()) +
        "\r\nConnection: close\r\n\r\n" + text;
    // It fits into any socket's buffer; who does not read loses it.
    (void)::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    (void)::shutdown(peer.get(), SHUT_WR);
    char request[4096];
    (void)::recv(peer.get(), request, sizeof request,
                 0);  // unread, it would reset the connection before the answer is read
  }
}

}  // namespace trestle::app
