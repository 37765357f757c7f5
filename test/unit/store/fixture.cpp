#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/fd.h"
#include "store/clock.h"
#include "store/directory.h"

namespace trestle::store::test {
namespace {

std::uint64_t g_now = 0;
std::uint64_t fake_now() { return g_now; }

void list_files(const Dir& dir, const std::string& prefix, std::vector<std::string>& found) {
  for (const std::string& name : dir.names()) {
    struct stat info {};
    if (::fstatat(dir.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode)) found.push_back(prefix + name);
    if (S_ISDIR(info.st_mode)) list_files(*dir.find(name), prefix + name + "/", found);
  }
}

Dir open_dir(const std::string& path) { return Dir(base::try_open(path, O_RDONLY | O_DIRECTORY), path); }

}  // namespace

TempDir::TempDir() {
  std::string form = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/trestle-test-XXXXXX" : "/tmp/trestle-test-XXXXXX";
  if (::mkdtemp(form.data()) == nullptr) std::abort();
  path_ = form;
}

TempDir::~TempDir() {
  const auto slash = path_.rfind('/');
  (void)open_dir(path_.substr(0, slash)).unlink(path_.substr(slash + 1));
}

ipam::RangeSet pool(const std::string& subnet) {
  ipam::RangeSpec spec;
  spec.subnet = net::Cidr::parse_network(subnet);
  return {ipam::make_range(spec, "ranges")};
}

net::Owner pod(int n, const std::string& network) { return {network, "pod" + std::to_string(n), "eth0"}; }
net::IfName bridge(const std::string& name) { return net::IfName::parse(name); }

Record make_record(const net::Owner& owner, const std::vector<plan::LeasedIp>& ips, const net::Mac& mac,
                   const Ask& ask) {
  const net::IfName eth0 = net::IfName::parse("eth0");
  Record r;
  r.owner = owner;
  r.netns = "/run/netns/" + owner.container;
  r.netns_cookie = 17;
  r.host_cookie = kHere.host_cookie;
  r.boot = kHere.boot;
  r.at = 1234567890123U;
  r.mode = "nat";
  r.pod = "default/web";
  r.nics.push_back({eth0, net::host_link_name(owner, eth0), bridge(), mac});
  r.parts = ask.parts;
  r.plan.push_back(plan::Up{{plan::Where::pod, eth0}});
  r.result = {{"cniVersion", "1.1.0"}, {"ips", nlohmann::json::array()}};
  for (const plan::LeasedIp& ip : ips) {
    r.plan.push_back(plan::Address{{plan::Where::pod, eth0}, ip.cidr});
    r.result["ips"].push_back({{"address", ip.cidr.str()}});
  }
  return r;
}

Record add(Store& store, const net::Owner& owner, const Ask& ask) {
  Reservation reservation{ask.segment, ask.wants, std::nullopt};
  if (ask.mac) reservation.mac = net::Mac::parse(*ask.mac);
  return store.commit(owner, reservation, [&](const std::vector<plan::LeasedIp>& ips) {
    const net::Mac derived =
        ips.empty() ? net::Mac::from_hash(2, net::owner_hash(owner)) : net::pod_mac(bridge(), ips.front().cidr.ip);
    return make_record(owner, ips, reservation.mac.value_or(derived), ask);
  });
}

std::string add_ip(Store& store, int n, const ipam::RangeSet& set) {
  return add(store, pod(n), {{{&set, std::nullopt}}, std::nullopt}).leases.at(0).ip.str();
}
std::string add_ip(Store& store, int n, const ipam::RangeSet& set, const std::string& wanted) {
  return add(store, pod(n), {{{&set, net::Ip::parse(wanted)}}, std::nullopt}).leases.at(0).ip.str();
}

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Error& e) {
    return std::to_string(static_cast<int>(e.code)) + ": " + e.what() + (e.details.empty() ? "" : "\n" + e.details);
  }
  return "";
}

std::string read_text(const std::string& path) {
  const base::Fd fd = base::try_open(path, O_RDONLY);
  return fd.valid() ? base::read_all(fd.get(), 1U << 26).value_or("") : "";
}

void write_text(const std::string& path, const std::string& text) {
  const base::Fd fd = base::try_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!fd.valid() || !base::write_all(fd.get(), text)) std::abort();
}

std::vector<std::string> files_below(const std::string& dir) {
  std::vector<std::string> found;
  list_files(open_dir(dir), "", found);
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> all_leases(const Store& store) {
  std::vector<std::string> found;
  for (const RecordFile& file : store.list())
    if (file.record)
      for (const LeaseRef& lease : file.record->leases) found.push_back(lease.segment + " " + lease.ip.str());
  std::sort(found.begin(), found.end());
  return found;
}

pid_t start_child(const std::function<void()>& body) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  int status = 0;
  try {
    body();
  } catch (...) {
    status = 1;
  }
  ::_exit(status);
}

bool child_succeeded(pid_t pid) {
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool in_child(const std::function<void()>& body) { return child_succeeded(start_child(body)); }

FakeClock::FakeClock() {
  g_now = boottime();
  set_clock_for_tests(fake_now);
}
FakeClock::~FakeClock() { set_clock_for_tests(nullptr); }
void FakeClock::advance_seconds(double seconds) { g_now += static_cast<std::uint64_t>(seconds * 1e9); }

}  // namespace trestle::store::test
