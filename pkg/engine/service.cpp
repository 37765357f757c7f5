#include "engine/service.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <ranges>

#include "base/error.h"
#include "base/text.h"
#include "engine/service_checksum.h"
#include "engine/service_files.h"
#include "kernel/link.h"
#include "kernel/process.h"

namespace trestle::engine {

using base::Code;
using base::Error;

namespace {

constexpr const char* kPrograms[] = {"/usr/sbin/dnsmasq", "/usr/bin/dnsmasq", "/sbin/dnsmasq",
                                     "/usr/local/sbin/dnsmasq"};
constexpr const char* kMain = "dnsmasq.conf";
constexpr const char* kPid = "pid";
constexpr const char* kLog = "log";
constexpr const char* kLeases = "leases";
constexpr const char* kWanted = "wanted";  // systemd's path unit watches for it
constexpr std::string_view kWatchedRoot = "/run/trestle-services/";
constexpr std::chrono::milliseconds kToObey{100}, kToEnd{2000};
constexpr std::time_t kToStart = 10;  // seconds that systemd may take

std::optional<std::string> program() {
  for (const char* path : kPrograms)
    if (::access(path, X_OK) == 0) return path;
  return std::nullopt;
}

// "" when there is none.
std::string text_of(const std::string& directory, const char* name) {
  const base::Fd fd = base::try_open(directory + "/" + name, O_RDONLY | O_NOFOLLOW);
  return fd.valid() ? base::read_all(fd.get(), 1U << 20).value_or("") : "";
}

std::string pid_text(const std::string& directory) { return text_of(directory, kPid); }

std::string conf_argument(const std::string& directory) { return "--conf-file=" + directory + "/" + kMain; }

struct Running {
  kernel::Process process;
  std::uint32_t index = 0;           // the switch that it serves
  std::vector<std::string> digests;  // the files that it has read
};

// As the file `pid` says, if that process lives and is what it says.
std::optional<Running> running(const std::string& directory, const std::string& pid_text) {
  const auto words = base::split(std::string_view(pid_text).substr(0, pid_text.find('\n')), ' ');
  if (words.size() < 3) return std::nullopt;
  const auto pid = base::parse_number(words[0], 0x7fffffff), start = base::parse_number(words[1], ~std::uint64_t{0}),
             index = base::parse_number(words[2], 0xffffffff);
  if (!pid || !start || !index || *pid == 0) return std::nullopt;
  auto process = kernel::Process::find(static_cast<pid_t>(*pid), *start);
  if (!process || !process->has_argument(conf_argument(directory))) return std::nullopt;
  return Running{std::move(*process), static_cast<std::uint32_t>(*index), {words.begin() + 3, words.end()}};
}

std::optional<Running> running(const ServiceDirectory& directory) {
  return running(directory.path(), directory.read(kPid));
}

// SIGTERM first: it has children of its own for DNS over TCP, which it ends then. It has nothing to save.
void end(const kernel::Process& process, const std::string& directory) {
  process.signal(SIGTERM);
  if (process.ends_within(kToObey)) return;
  process.signal(SIGKILL);
  if (!process.ends_within(kToEnd))
    throw Error(Code::kernel, "dnsmasq of " + directory + " does not end, not even by SIGKILL; try again");
}

// Also one that no file tells of any more, because a foreign hand removed it: it would keep the addresses from its successor.
void stop(const ServiceDirectory& directory) {
  if (const auto there = running(directory))
    end(there->process, directory.path());
  else
    for (const kernel::Process& process : kernel::Process::with_argument(conf_argument(directory.path())))
      end(process, directory.path());
  directory.remove(kPid);
}

// Is there the path unit that starts what is wanted? Only its being active counts: units that are merely installed start nothing.
bool systemd_watches(const std::string& directory) {
  struct stat found {};
  return directory.starts_with(kWatchedRoot) && ::access("/run/systemd/system", F_OK) == 0 &&
         ::lstat("/run/systemd/units/invocation:trestle-guests.path", &found) == 0;
}

// Has systemd been told just now?
bool starts_soon(const std::string& directory) {
  struct stat found {};
  return ::stat((directory + "/" + kWanted).c_str(), &found) == 0 && ::time(nullptr) - found.st_mtime < kToStart;
}

net::IfName link_of(const std::string& directory) {
  return net::IfName::parse(directory.substr(directory.rfind('/') + 1));
}

kernel::Daemon daemon_of(Context& context, const ServiceDirectory& directory) {
  const auto dnsmasq = program();
  if (!dnsmasq) must_have_dnsmasq();
  const auto link = kernel::get_link(context.route(), link_of(directory.path()));
  std::string note = std::to_string(link ? link->index : 0);
  for (const std::string& digest : directory.digests()) note += " " + digest;
  return {{*dnsmasq, "--keep-in-foreground", conf_argument(directory.path())},
          directory.fd(),
          kPid,
          note,
          directory.path() + "/" + kLog};
}

// What a dead one had leased is nothing to its successor: who has which address stands in `hosts`. dnsmasq itself would make it readable for all.
void forget_leases(const ServiceDirectory& directory) {
  directory.remove(kLeases);
  write_service_file(directory.path(), kLeases, "");
}

void start(Context& context, const ServiceDirectory& directory) {
  forget_leases(directory);
  if (systemd_watches(directory.path())) {
    remove_service_file(directory.path(), kWanted);
    write_service_file(directory.path(), kWanted, "trestle serve " + directory.path() + "\n");
    return;
  }
  kernel::detach(daemon_of(context, directory));
}

bool answers_dhcp(const plan::Service& step) { return step.offers.find("DHCP") != std::string::npos; }

bool is_conf(const plan::ServiceFile& file) { return file.name == kMain || file.name.starts_with("networks/"); }

std::optional<std::string> outdated(Context& context, const Running& there, const plan::Service& step) {
  const auto link = kernel::get_link(context.route(), step.link);
  if (link && link->index != there.index) return "dnsmasq serves a link of that name that is gone";
  for (const plan::ServiceFile& file : step.files)
    if (is_conf(file) &&
        std::find(there.digests.begin(), there.digests.end(), file_digest(file.name, file.text)) == there.digests.end())
      return "dnsmasq runs with an older configuration";
  return std::nullopt;
}

// What it died of: such a line has no process number, unlike those of its work.
std::string last_words(const std::string& directory) {
  const auto lines = base::split(text_of(directory, kLog), '\n');
  for (const std::string& line : lines | std::views::reverse)
    if (!line.empty() && !line.starts_with("dnsmasq[") && !line.starts_with("dnsmasq-"))
      return base::printable(line, 200);
  return "";
}

// dnsmasq gives no address to a guest while another's lease of it is not over. For it, another is also the same one with a new DUID.
bool leased_to_others(const ServiceDirectory& directory, const plan::GuestHost& step) {
  for (const std::string& line : base::split(directory.read(kLeases), '\n')) {
    const auto words = base::split(line, ' ');  // expiry, MAC (or IAID), address, name, id
    const auto ip = words.size() > 3 ? net::Ip::try_parse(words[2]) : std::nullopt;
    if (!ip || std::find(step.addresses.begin(), step.addresses.end(), *ip) == step.addresses.end()) continue;
    if (words[1] != step.mac.str()) return true;
  }
  return false;
}

// Tells it to read `hosts` and `names` again. One that does not run yet reads them when it starts.
void tell(const std::string& directory) {
  if (const auto there = running(directory, pid_text(directory))) there->process.signal(SIGHUP);
}

}  // namespace

void must_have_dnsmasq() {
  if (!program())
    throw Error(Code::kernel_lacks,
                "guestServices need dnsmasq, which is not on this host: apt-get install dnsmasq-base");
}

void make(Context& context, const plan::Service& step) {
  must_have_dnsmasq();
  const ServiceDirectory directory = ServiceDirectory::make(step.directory);
  for (const plan::ServiceFile& file : step.files) write_service_file(step.directory, file.name, file.text);
  if (answers_dhcp(step)) fill_checksums(context, step.link);
  if (const auto there = running(directory)) {
    if (!outdated(context, *there, step)) return;
  } else if (starts_soon(step.directory)) {
    return;
  }
  stop(directory);
  start(context, directory);
}

std::optional<std::string> defect_of(Context& context, const plan::Service& step) {
  for (const plan::ServiceFile& file : step.files)
    if (!service_file_is(step.directory, file.name, file.text)) return file.name + " is gone or changed";
  if (answers_dhcp(step))
    if (auto why = checksum_defect(context, step.link)) return why;
  if (starts_soon(step.directory)) return std::nullopt;
  auto there = running(step.directory, pid_text(step.directory));
  if (!there) {
    // Who starts it holds the lock until it is dnsmasq.
    const auto directory = ServiceDirectory::open(step.directory);
    if (directory) there = running(*directory);
  }
  if (there) return outdated(context, *there, step);
  const std::string said = last_words(step.directory);
  return "dnsmasq is not running" + (said.empty() ? "" : " (" + said + ")");
}

void take_away(Context& context, const plan::Service& step) {
  const auto directory = ServiceDirectory::open(step.directory);
  if (!directory) return ServiceDirectory::remove_root_of(step.directory);  // no more was made
  const bool whole = std::any_of(step.files.begin(), step.files.end(),
                                 [](const plan::ServiceFile& file) { return file.name == kMain; });
  if (whole) {
    leave_checksums(context, step.link);
    stop(*directory);
    return directory->remove_all();
  }
  for (const plan::ServiceFile& file : step.files) remove_service_file(step.directory, file.name);
  if (!program()) return;  // CHECK of those who need it tells
  // Dead, it may have died of just that network.
  stop(*directory);
  start(context, *directory);
}

void make(Context& context, const plan::GuestHost& step) {
  const bool known = !defect_of(context, step);
  for (const plan::ServiceFile& file : step.files) write_service_file(step.directory, file.name, file.text);
  if (!known) {
    const auto directory = ServiceDirectory::open(step.directory);
    if (directory && running(*directory) && leased_to_others(*directory, step)) {
      stop(*directory);
      return start(context, *directory);
    }
  }
  tell(step.directory);
}

std::optional<std::string> defect_of(Context&, const plan::GuestHost& step) {
  for (const plan::ServiceFile& file : step.files)
    if (!service_file_is(step.directory, file.name, file.text)) return file.name + " is gone or changed";
  return std::nullopt;
}

void take_away(Context&, const plan::GuestHost& step) {
  for (const plan::ServiceFile& file : step.files) remove_service_file(step.directory, file.name);
  tell(step.directory);
}

std::vector<net::IfName> services_below(const std::string& root) {
  std::vector<net::IfName> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(root.c_str()), ::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name.front() == '.') continue;
    try {
      out.push_back(net::IfName::parse(name));
    } catch (const Error&) {
      continue;  // nobody's
    }
  }
  return out;
}

void forget_guest(const std::string& root, const std::string& host_link) {
  for (const net::IfName& bridge : services_below(root)) {
    const std::string directory = root + "/" + bridge.str();
    for (const char* folder : {"names/", "hosts/"}) remove_service_file(directory, folder + host_link);
    tell(directory);
  }
}

void serve(Context& context, const std::string& path) {
  must_have_dnsmasq();
  const auto directory = ServiceDirectory::open(path);
  if (!directory || directory->read(kMain).empty())
    throw Error(Code::bad_config, path + " is no directory of guest services: an ADD makes it");
  stop(*directory);
  forget_leases(*directory);
  directory->remove(kWanted);
  const kernel::Daemon daemon = daemon_of(context, *directory);
  kernel::become(daemon);
  const int err = errno;
  base::throw_errno(err, "start " + daemon.argv.front());
}

}  // namespace trestle::engine
