// Times CNI plugins side by side, as a runtime drives them: one exec per call, one network namespace per pod.
// usage: bench_drive [--pods N] [--parallel P] [--gc CONF] --series NAME PLUGIN CONF [--setup COMMAND] [--series …]…
// Each series has a host namespace of its own, prepared by COMMAND (sh), and its own state directory (TRESTLE_STATE_DIR). Calls of the
// series take turns, one by one (or P by P), each time another one first, so that whatever else the machine does hits all of them alike. With --gc the
// attachments are not deleted one by one: one GC call with that configuration ends those of the first series.
// "@POD@" in a configuration becomes the pod's number, four digits (host ports: "hostPort": 2@POD@).
// Everything happens in a scratch network and mount namespace with a private /run.
// stdout: one line per series and verb:
//   NAME VERB calls= failed= p50= p90= p99= max= first= last= rate= rss=
// milliseconds; first and last: median of the first and last 30 calls; rate: calls per second of this series' own turns; rss: largest
// peak of one call, KiB. Exit code 1 when a call failed (the first one's answer is on stderr).
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_drive: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

double now_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

struct Series {
  std::string name, plugin, conf_text, setup;
  int host_ns = -1;
  // Of the current verb:
  std::vector<double> ms;
  double busy_ms = 0;
  int failed = 0;
  long rss_kib = 0;
};

std::string read_file(const std::string& path) {
  std::string text;
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) fail(path);
  char part[4096];
  for (std::size_t n; (n = std::fread(part, 1, sizeof part, file)) > 0;) text.append(part, n);
  std::fclose(file);
  return text;
}

std::string netns_path(const Series& s, int pod) { return "/run/netns/" + s.name + "-" + std::to_string(pod); }

void make_pod(const Series& s, int pod) {
  const std::string path = netns_path(s, pod);
  const int file = ::open(path.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0444);
  if (file < 0) fail(path);
  ::close(file);
  if (::unshare(CLONE_NEWNET) != 0 || ::mount("/proc/self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) != 0)
    fail(path);
}

void make_host(Series& s) {
  if (::unshare(CLONE_NEWNET) != 0) fail("unshare");
  s.host_ns = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (s.setup.empty()) return;
  if (std::system(s.setup.c_str()) != 0)
    fail("setup of " + s.name);  // NOLINT(cert-env33-c): a bench tool, its caller's own command
}

std::string conf_of(const Series& s, int pod) {
  const std::string word = "@POD@";
  char number[8];
  std::snprintf(number, sizeof number, "%04d", pod % 10000);
  std::string text = s.conf_text;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos;) text.replace(at, word.size(), number);
  return text;
}

struct Call {
  pid_t pid = 0;
  Series* series = nullptr;
  double began = 0;
};

Call start(Series& s, const char* verb, int pod, const std::string& conf) {
  const std::string directory = s.plugin.substr(0, s.plugin.rfind('/'));
  std::vector<std::string> variables = {std::string("CNI_COMMAND=") + verb, "CNI_PATH=" + directory,
                                        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TRESTLE_STATE_DIR=/run/state-" + s.name};
  if (std::strcmp(verb, "GC") != 0) {
    variables.push_back("CNI_CONTAINERID=" + s.name + "-" + std::to_string(pod));
    variables.push_back("CNI_NETNS=" + netns_path(s, pod));
    variables.push_back("CNI_IFNAME=eth0");
  }
  std::vector<char*> environment;
  for (std::string& v : variables) environment.push_back(v.data());
  environment.push_back(nullptr);
  char* arguments[] = {const_cast<char*>(s.plugin.c_str()), nullptr};

  if (::setns(s.host_ns, CLONE_NEWNET) != 0) fail("setns");
  int in[2];
  if (::pipe2(in, O_CLOEXEC) != 0) fail("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/run/answer", O_WRONLY | O_CREAT | O_APPEND, 0600);
  Call call{0, &s, now_ms()};
  errno = ::posix_spawn(&call.pid, s.plugin.c_str(), &actions, nullptr, arguments, environment.data());
  if (errno != 0) fail(s.plugin);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  // EPIPE: the floor does not read its stdin.
  if (::write(in[1], conf.data(), conf.size()) < 0 && errno != EPIPE) fail("write");
  ::close(in[1]);
  return call;
}

void finish(std::vector<Call>& running) {
  int status = 0;
  rusage use{};
  const pid_t pid = ::wait4(-1, &status, 0, &use);
  const double ended = now_ms();
  for (auto call = running.begin(); call != running.end(); ++call) {
    if (call->pid != pid) continue;
    Series& s = *call->series;
    s.ms.push_back(ended - call->began);
    s.rss_kib = std::max(s.rss_kib, use.ru_maxrss);
    if (status != 0 && s.failed++ == 0)
      std::fprintf(stderr, "%s failed: %s\n", s.name.c_str(), read_file("/run/answer").c_str());
    running.erase(call);
    break;
  }
  if (::truncate("/run/answer", 0) != 0) fail("/run/answer");
}

// One series' turn: the pods first … first + count - 1, `parallel` at a time.
void turn(Series& s, const char* verb, int first, int count, int parallel) {
  std::vector<Call> running;
  const double began = now_ms();
  for (int i = 0; i < count || !running.empty();) {
    if (i < count && static_cast<int>(running.size()) < parallel) {
      running.push_back(start(s, verb, first + i, conf_of(s, first + i)));
      ++i;
    } else {
      finish(running);
    }
  }
  s.busy_ms += now_ms() - began;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void report(Series& s, const char* verb) {
  const std::size_t n = s.ms.size(), edge = std::min<std::size_t>(30, n);
  if (n == 0) return;
  const double first = median({s.ms.begin(), s.ms.begin() + static_cast<long>(edge)});
  const double last = median({s.ms.end() - static_cast<long>(edge), s.ms.end()});
  std::sort(s.ms.begin(), s.ms.end());
  std::printf("%s %s calls=%zu failed=%d p50=%.3f p90=%.3f p99=%.3f max=%.3f first=%.3f last=%.3f rate=%.1f rss=%ld\n",
              s.name.c_str(), verb, n, s.failed, s.ms[n / 2], s.ms[n * 9 / 10], s.ms[n * 99 / 100], s.ms[n - 1], first,
              last, static_cast<double>(n) / s.busy_ms * 1e3, s.rss_kib);
  std::fflush(stdout);
  s.ms.clear();
  s.busy_ms = 0;
  s.failed = 0;
  s.rss_kib = 0;
}

bool phase(std::vector<Series>& all, const char* verb, int pods, int parallel) {
  // In parallel a turn is long enough that its beginning and end, with fewer at a time, do not count.
  const int size = parallel == 1 ? 1 : std::max(1, pods / 4);
  // Whose turn it is first changes: what the one before leaves behind (a cold cache, the kernel's work put off) hits all alike.
  std::size_t begin = 0;
  for (int first = 0; first < pods; first += size, ++begin)
    for (std::size_t i = 0; i < all.size(); ++i)
      turn(all[(begin + i) % all.size()], verb, first, std::min(size, pods - first), parallel);
  bool good = true;
  for (Series& s : all) {
    good = good && s.failed == 0;
    report(s, verb);
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Series> all;
  std::string gc_conf;
  int pods = 100, parallel = 1;
  for (int i = 1; i < argc;) {
    const std::string option = argv[i];
    const int left = argc - i - 1;
    if (option == "--pods" && left >= 1) {
      pods = std::atoi(argv[i + 1]);
      i += 2;
    } else if (option == "--parallel" && left >= 1) {
      parallel = std::atoi(argv[i + 1]);
      i += 2;
    } else if (option == "--gc" && left >= 1) {
      gc_conf = read_file(argv[i + 1]);
      i += 2;
    } else if (option == "--series" && left >= 3) {
      all.push_back({argv[i + 1], argv[i + 2], read_file(argv[i + 3]), "", -1, {}, 0, 0, 0});
      i += 4;
    } else if (option == "--setup" && left >= 1 && !all.empty()) {
      all.back().setup = argv[i + 1];
      i += 2;
    } else {
      std::fprintf(stderr, "usage: see the head of test/bench/drive.cpp\n");
      return 2;
    }
  }
  if (all.empty() || pods < 1 || parallel < 1) return 2;
  std::signal(SIGPIPE, SIG_IGN);
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) fail("unshare (needs root)");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", "/run", "tmpfs", 0, nullptr) != 0)
    fail("mount");
  ::mkdir("/run/netns", 0755);
  // Pods first, from a namespace without routes and links: what is copied from there is nothing.
  for (const Series& s : all)
    for (int pod = 0; pod < pods; ++pod) make_pod(s, pod);
  for (Series& s : all) make_host(s);

  bool good = phase(all, "ADD", pods, parallel);
  if (gc_conf.empty()) return phase(all, "DEL", pods, parallel) && good ? 0 : 1;
  std::vector<Call> one{start(all.front(), "GC", 0, gc_conf)};
  finish(one);
  good = good && all.front().failed == 0;
  report(all.front(), "GC");
  return good ? 0 : 1;
}
