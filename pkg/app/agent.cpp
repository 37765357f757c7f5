#include "app/agent.h"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <set>

#include "app/agent_metrics.h"
#include "app/agent_probe.h"
#include "app/attachment.h"
#include "app/heal.h"
#include "app/here.h"
#include "app/shared.h"
#include "app/tunnel.h"
#include "app/tunnel_state.h"
#include "base/error.h"
#include "engine/verify.h"
#include "kernel/link.h"
#include "kernel/monitor.h"

namespace trestle::app {

using base::Error;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kDebounce{200};  // many events are one change
constexpr std::chrono::seconds kFiles{1};            // between looks at the watched files
constexpr std::chrono::seconds kFirstProbe{5};
constexpr std::chrono::seconds kRetry{5};
constexpr std::chrono::milliseconds kPassBudget{20000};

volatile std::sig_atomic_t stopped = 0;  // set by the handler alone

void stop(int) { stopped = 1; }

// Held back but while we wait: a pass is never cut in two.
sigset_t hold_signals() {
  struct sigaction action {};
  action.sa_handler = stop;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  sigset_t held, waiting;
  sigemptyset(&held);
  sigaddset(&held, SIGTERM);
  sigaddset(&held, SIGINT);
  ::sigprocmask(SIG_BLOCK, &held, &waiting);
  sigdelset(&waiting, SIGTERM);
  sigdelset(&waiting, SIGINT);
  return waiting;
}

// A rename gives another inode, a write another time.
std::vector<std::pair<std::uint64_t, std::int64_t>> stamps(const std::vector<std::string>& files) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> out;
  for (const std::string& file : files) {
    struct stat seen {};
    if (::stat(file.c_str(), &seen) != 0) seen = {};
    out.emplace_back(seen.st_ino, static_cast<std::int64_t>(seen.st_mtim.tv_sec) * 1'000'000'000 +
                                      seen.st_mtim.tv_nsec + seen.st_size);
  }
  return out;
}

struct News {
  bool links = false, tables = false, files = false;
  bool any() const { return links || tables || files; }
};

class Agent {
 public:
  Agent(const AgentSettings& settings, Log& log)
      : settings_(settings), log_(log), server_(settings.metrics, settings.port) {}

  void run() {
    const sigset_t waiting = hold_signals();
    News news{true, true, true};
    auto all_at = Clock::now();
    while (!stopped) {
      const auto now = Clock::now();
      const bool all = now >= all_at;
      if (news.any() || all || (wanted_ && now >= retry_at_)) pass(news, all);
      if (all) all_at = Clock::now() + std::chrono::seconds(settings_.interval_s) + jitter();
      if (now >= probe_at_) probe();
      if (now >= probe_.due()) attempt("hear the answers of peers", [&] { probe_.tell(); });
      news = wait(waiting, std::min({all_at, probe_at_, probe_.due(), wanted_ ? retry_at_ : Clock::time_point::max()}));
    }
  }

 private:
  // So that nodes which began together do not work together for ever.
  std::chrono::milliseconds jitter() {
    seed_ = seed_ * 6364136223846793005U + 1442695040888963407U;
    return std::chrono::milliseconds(
        settings_.interval_s == 0 ? 0 : (seed_ >> 33) % (static_cast<std::uint64_t>(settings_.interval_s) * 200));
  }

  News wait(const sigset_t& waiting, Clock::time_point until) {
    News news;
    std::optional<Clock::time_point> settle;
    while (!stopped && Clock::now() < std::min(until, settle.value_or(until))) {
      std::vector<pollfd> fds = {
          {monitor_.links(), POLLIN, 0}, {monitor_.tables(), POLLIN, 0}, {monitor_.neighbours(), POLLIN, 0}};
      for (const int fd : server_.fds()) fds.push_back({fd, POLLIN, 0});
      const std::size_t asked = fds.size();
      for (const int fd : probe_.fds()) fds.push_back({fd, POLLIN, 0});
      const auto left = std::min<Clock::duration>(std::min(until, settle.value_or(until)) - Clock::now(), kFiles);
      const auto ns = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::nanoseconds>(left).count());
      const timespec patience{ns / 1'000'000'000, ns % 1'000'000'000};
      if (::ppoll(fds.data(), fds.size(), &patience, &waiting) < 0) continue;  // a signal: the loop's head looks
      if (fds[0].revents != 0 && kernel::Monitor::drain(monitor_.links())) news.links = true;
      if (fds[1].revents != 0 && kernel::Monitor::drain(monitor_.tables())) news.tables = true;
      if (fds[2].revents != 0 && kernel::Monitor::drain_neighbours(monitor_.neighbours())) neighbours_ = true;
      // Where more of them change than can be heard each loss is news, and none of it may be ours.
      if (neighbours_ && Clock::now() >= neighbours_at_) {
        news.links = true;
        neighbours_ = false;
        neighbours_at_ = Clock::now() + kRetry;
      }
      for (std::size_t i = 3; i < fds.size(); ++i) {
        if (fds[i].revents == 0) continue;
        if (i < asked)
          MetricsServer::answer(fds[i].fd, metrics_.text());
        else
          probe_.take(fds[i].fd);
      }
      if (auto seen = stamps(files_); seen != stamps_) {
        stamps_ = std::move(seen);
        news.files = true;
      }
      if (news.any() && !settle) settle = Clock::now() + kDebounce;
    }
    return news;
  }

  void pass(const News& news, bool all) {
    const auto began = Clock::now();
    ++metrics_.passes;
    const bool may_mend = unmended_.empty() || began >= retry_at_;
    if (may_mend) retry_at_ = began + kRetry;  // also when this look fails
    files_ = settings_.watched();
    stamps_ = stamps(files_);
    attempt("look at the node", [&] {
      Session session(settings_.settings, log_, kPassBudget, Session::Access::read);
      if (!session.has_store()) return;  // nothing was ever added
      metrics_.attachments = session.store().count();
      if (news.links || news.files || all) tunnels(session, news.links || news.tables || all);
      wanted_ = wanted_ || news.tables || (news.links && lost_tunnel(session));
      if (wanted_ && !all && may_mend) mend_if_broken(session);
      if (!all) return;
      heal_all(session);
      mend(session);
    });
    // What we did ourselves is heard too, and costs another look, which changes nothing: thrown away, it would take along what others did
    // meanwhile.
    metrics_.last_pass_s = std::chrono::duration<double>(Clock::now() - began).count();
  }

  // Where only a file has changed since we programmed it all, only what changed in it is looked at.
  overlay::Outcome bring(Session& session, const config::NetConf& nic, bool whole) {
    const auto began = Clock::now();
    const auto last = programmed_.find(nic.name);
    std::optional<Synced> done;
    if (last != programmed_.end() && !whole) done = change_tunnel(session, last->second, nic);
    if (!done) done = sync_tunnel(session, nic, Asked::by_agent);
    if (done->made + done->removed != 0)
      metrics_.last_programming_s = std::chrono::duration<double>(Clock::now() - began).count();
    programmed_.erase(nic.name);
    if (done->kept.empty()) programmed_.emplace(nic.name, Programmed{nic, done->digest});
    return *done;
  }

  void tunnels(Session& session, bool whole) {
    metrics_.peers.clear();
    std::set<net::IfName> vteps;
    for (const config::NetConf& conf : settings_.networks()) {
      for (const config::NetConf* nic : config::nics(conf))
        if (nic->overlay) vteps.insert(config::vtep_of(*nic->overlay));
      attempt("overlay of network " + conf.name, [&] {
        const config::NetConf here = with_tunnels(session.context(), conf);
        for (const config::NetConf* nic : config::nics(here)) {
          if (!nic->overlay) continue;
          const overlay::Outcome done = bring(session, *nic, whole);
          metrics_.made += done.made;
          metrics_.removed += done.removed;
          metrics_.peers[nic->name] = nic->overlay->here->others.size();
          if (!done.kept.empty())
            log_.write(Log::Level::warn, "more than a fifth of the peers are gone from the list; the rest goes later",
                       {{"network", nic->name}, {"left", std::to_string(done.kept.size())}});
          probe_.follow(session.context(), *nic);
        }
      });
    }
    probe_.keep(vteps);
  }

  // With its NIC, or by another hand.
  static bool lost_tunnel(Session& session) {
    return std::ranges::any_of(tunnel_state_paths(session.settings().state_dir), [&](const auto& tunnel) {
      return !kernel::link_index(session.context().route(), net::IfName::parse(tunnel.first));
    });
  }

  void mend_if_broken(Session& session) {
    wanted_ = false;
    for (const store::Part& part : parts_in_force(session))
      if (!engine::verify(session.context(), part.steps).empty()) return mend(session);
  }

  // What cannot be mended is tried again, but not at each piece of news: the next one would be what this one has changed.
  void mend(Session& session) {
    const Repaired done = repair(session);
    if (done.mended != 0) ++metrics_.repairs;
    std::set<std::string> left(done.left.begin(), done.left.end());
    for (const std::string& line : left)
      if (!unmended_.contains(line)) log_.write(Log::Level::warn, "not mended", {{"what", line}});
    unmended_ = std::move(left);
    retry_at_ = Clock::now() + kRetry;
    wanted_ = false;
  }

  void probe() {
    probe_at_ = Clock::now() + std::chrono::seconds(settings_.probe_s);
    std::set<std::string> names;
    for (const config::NetConf& conf : settings_.networks())
      attempt("probe the peers of network " + conf.name, [&] {
        engine::Context context(0, 0);
        const config::NetConf here = with_tunnels(context, conf);
        for (const config::NetConf* nic : config::nics(here)) {
          if (!nic->overlay) continue;
          names.insert(nic->name);
          probe_.ask(context, *nic);
        }
      });
    for (auto* by_network : {&metrics_.asked, &metrics_.reached})
      std::erase_if(*by_network, [&](const auto& one) { return !names.contains(one.first); });
  }

  template <class F>
  void attempt(const std::string& what, F&& body) {
    try {
      body();
    } catch (const Error& e) {
      ++metrics_.errors;
      log_.write(Log::Level::error, what + ": " + e.what());
    }
  }

  const AgentSettings& settings_;
  Log& log_;
  MetricsServer server_;
  kernel::Monitor monitor_;
  AgentMetrics metrics_;
  std::vector<std::string> files_;
  std::vector<std::pair<std::uint64_t, std::int64_t>> stamps_;
  AgentProbe probe_{log_, metrics_};
  std::set<std::string> unmended_;  // told, and not to be told again
  bool neighbours_ = false;         // changed, and not looked at yet
  Clock::time_point neighbours_at_ = Clock::now();
  bool wanted_ = false;  // something may be broken that is not looked at yet
  Clock::time_point retry_at_ = Clock::now();
  std::map<std::string, Programmed> programmed_;  // by network: what we programmed last
  Clock::time_point probe_at_ = Clock::now() + kFirstProbe;
  std::uint64_t seed_ = static_cast<std::uint64_t>(boottime());
};

}  // namespace

void run_agent(const AgentSettings& settings, Log& log) { Agent(settings, log).run(); }

}  // namespace trestle::app
