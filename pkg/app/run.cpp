#include "app/run.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "app/verbs.h"
#include "base/error.h"
#include "base/fd.h"
#include "cni/json.h"
#include "cni/result.h"

namespace trestle::app {

using base::Code;
using base::Error;
using cni::Command;

namespace {

constexpr std::chrono::milliseconds kInputBudget{10000};

// All of stdin, capped in size and in time: a runtime writes its configuration at once.
std::string read_input(int fd) {
  const store::Deadline deadline = store::Deadline::in(kInputBudget);
  std::string text;
  char buffer[16384];
  for (;;) {
    pollfd ready{fd, POLLIN, 0};
    const int polled = ::poll(&ready, 1, static_cast<int>(deadline.left().count()));
    if (polled < 0 && errno == EINTR) continue;
    if (polled == 0)
      throw Error(Code::io, "stdin: no end of the configuration within 10 s; a runtime writes it and closes the pipe");
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    const int err = errno;
    if (n < 0 && err == EINTR) continue;
    if (n < 0) base::throw_errno(err, "read the configuration from stdin", Code::io);
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > cni::kMaxInput) throw Error(Code::decode, "stdin: the configuration is larger than 1 MiB");
  }
}

// One call: what is known of it so far, for the error that may end it.
class Call {
 public:
  explicit Call(const World& world) : world_(world), log_(world.log) {}

  int serve() {
    const cni::Request request = cni::Request::from_env(world_.env);
    const std::string text = read_input(world_.in);
    json_ = text.empty() && request.command == Command::version ? nlohmann::json::object()
                                                                : cni::parse_json(text);  // VERSION needs no input
    learn_version();
    if (request.command == Command::version) return answer(version_answer());
    const bool lenient =
        request.command == Command::del || request.command == Command::gc;  // nothing but the name can fail these
    settings_ = config::parse_settings(json_, world_.env("TRESTLE_STATE_DIR"),
                                       lenient ? config::OnBadSetting::ignore : config::OnBadSetting::refuse);
    log_.configure(settings_.log_level, settings_.log_file);
    dispatch(request);
    return 0;
  }

  int fail(const Error& e) {
    log_.write(Log::Level::error, e.what(),
               {{"code", std::to_string(static_cast<int>(e.code))}, {"details", e.details}});
    if (!answered_) {
      answered_ = true;
      static_cast<void>(
          base::write_all(world_.out, cni::error_json(version_, static_cast<int>(e.code), e.what(), e.details) + "\n"));
    }
    return 1;
  }

  int fail_without_memory() noexcept {
    char buffer[512];
    const std::size_t n =
        cni::error_json_static(buffer, sizeof buffer, static_cast<int>(Code::try_again), "out of memory; try again");
    if (!answered_) static_cast<void>(base::write_all(world_.out, {buffer, n}));
    answered_ = true;
    return 1;
  }

 private:
  void learn_version() {
    const auto it = json_.is_object() ? json_.find("cniVersion") : json_.end();
    if (it != json_.end() && it->is_string() && !it->get_ref<const std::string&>().empty())
      version_ = *it;
    else if (json_.is_object())
      version_ = "0.1.0";  // SPEC: a configuration without one
  }

  std::string version_answer() const {
    return nlohmann::json{{"cniVersion", version_}, {"supportedVersions", cni::supported_versions()}}.dump();
  }

  int answer(const std::string& text) {
    if (!print(text)) throw Error(Code::io, "the result cannot be written to stdout");
    return 0;
  }

  bool print(const std::string& text) {
    const std::string line = text + "\n";
    ssize_t first = 0;
    do first = ::write(world_.out, line.data(), line.size());
    while (first < 0 && errno == EINTR);
    if (first < 0) return false;  // not a byte got out: the error document may still
    answered_ = true;             // half a document must not be followed by another
    return base::write_all(world_.out, std::string_view(line).substr(static_cast<std::size_t>(first)));
  }

  void dispatch(const cni::Request& request) {
    switch (request.command) {
      case Command::add:
        return run_add(request);
      case Command::del:
        return run_del(request);
      case Command::check:
        return run_check(request);
      case Command::gc:
        return run_gc(request);
      case Command::status:
        return run_status(request);
      case Command::version:
        break;
    }
  }

  void run_add(const cni::Request& request) {
    const config::NetConf conf = config::parse(json_, request.args);
    Session session(settings_, log_, kAddBudget, Session::Access::write);
    add(session, request, conf, [this](const std::string& text) { return print(text); });
  }

  void run_del(const cni::Request& request) {
    const config::Minimal conf = config::parse_minimal(json_, Command::del);
    Session session(settings_, log_, kDelBudget, Session::Access::write);
    del(session, request, conf);
  }

  void run_check(const cni::Request& request) {
    cni::check_gate(cni::check_version(version_), "CHECK", "0.4.0");
    const config::NetConf conf = config::parse(json_, request.args);
    Session session(settings_, log_, kDelBudget, Session::Access::write);
    check(session, request, conf);
  }

  void run_gc(const cni::Request& request) {
    const config::Minimal conf = config::parse_minimal(json_);
    cni::check_gate(conf.cni_version, "GC", "1.1.0");
    Session session(settings_, log_, kDelBudget, Session::Access::write);
    gc(session, request, conf);
  }

  void run_status(const cni::Request& request) {
    cni::check_gate(cni::check_version(version_), "STATUS", "1.1.0");
    const config::NetConf conf = config::parse(json_, request.args);
    try {
      Session session(settings_, log_, kDelBudget, Session::Access::read);
      status(session, request, conf);
    } catch (const Error& e) {
      if (e.code == Code::not_available || e.code == Code::limited) throw;
      throw Error(Code::not_available, std::string("ADD cannot be served: ") + e.what(), e.details);
    }
  }

  const World& world_;
  Log log_;
  nlohmann::json json_;
  config::Settings settings_;
  std::string version_ = "1.1.0";
  bool answered_ = false;
};

}  // namespace

int run(const World& world) noexcept {
  Call call(world);
  try {
    return call.serve();
  } catch (const Error& e) {
    try {
      return call.fail(e);
    } catch (const std::bad_alloc&) {
      return call.fail_without_memory();
    }
  } catch (const std::bad_alloc&) {
    return call.fail_without_memory();
  } catch (const std::exception& e) {
    return call.fail(Error(Code::bug, std::string("internal error: ") + e.what() + "; please report it"));
  }
}

}  // namespace trestle::app
