#include "cni/request.h"

#include <catch2/catch.hpp>

#include "error_of.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::Command;
using trestle::cni::Env;
using trestle::cni::is_plain_name;
using trestle::cni::parse_command;
using trestle::cni::Request;
using namespace std::string_literals;

namespace {

using Vars = std::map<std::string, std::string>;

Request request(const Vars& vars) {
  return Request::from_env([&](std::string_view name) -> std::optional<std::string> {
    const auto at = vars.find(std::string(name));
    if (at == vars.end() || at->second.empty()) return std::nullopt;
    return at->second;
  });
}

Vars vars(const std::string& command, const Vars& changed = {}) {
  Vars all{{"CNI_COMMAND", command}, {"CNI_CONTAINERID", "box-1"},    {"CNI_NETNS", "/run/netns/box"},
           {"CNI_IFNAME", "eth0"},   {"CNI_PATH", "/opt/cni/bin:/x"}, {"CNI_ARGS", "IP=10.0.0.5"}};
  for (const auto& [name, value] : changed) all[name] = value;
  return all;
}

struct Bad {
  std::string variable, value, message;
};

}  // namespace

TEST_CASE("an attachment's request holds what the runtime said", "[cni][request]") {
  const auto verb = GENERATE(values<std::pair<std::string, Command>>(
      {{"ADD", Command::add}, {"CHECK", Command::check}, {"DEL", Command::del}}));
  CAPTURE(verb.first);
  const Request r = request(vars(verb.first));
  CHECK(r.command == verb.second);
  CHECK(r.container == "box-1");
  CHECK(r.ifname == "eth0");
  CHECK(r.netns == "/run/netns/box");
  CHECK(r.path == "/opt/cni/bin:/x");
  REQUIRE(r.args.ips.size() == 1);
  CHECK(r.args.ips[0].str() == "10.0.0.5/32");
}

TEST_CASE("GC, STATUS and VERSION need no attachment and look at none", "[cni][request]") {
  const auto verb = GENERATE(values<std::pair<std::string, Command>>(
      {{"GC", Command::gc}, {"STATUS", Command::status}, {"VERSION", Command::version}}));
  CAPTURE(verb.first);
  CHECK(request({{"CNI_COMMAND", verb.first}}).command == verb.second);
  const Request r = request(
      vars(verb.first, {{"CNI_CONTAINERID", "../x"}, {"CNI_IFNAME", "a/b"}, {"CNI_NETNS", "x"}, {"CNI_ARGS", "junk"}}));
  CHECK(r.container.empty());
  CHECK(r.ifname.empty());
  CHECK(r.netns.empty());
  CHECK(r.path == "/opt/cni/bin:/x");
}

TEST_CASE("all missing variables are named, not just the first", "[cni][request]") {
  struct Missing {
    std::string command;
    Vars changed;
    std::string names;
  };
  const auto m = GENERATE(values<Missing>({
      {"ADD", {{"CNI_CONTAINERID", ""}, {"CNI_NETNS", ""}, {"CNI_IFNAME", ""}}, "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"},
      {"CHECK",
       {{"CNI_CONTAINERID", ""}, {"CNI_NETNS", ""}, {"CNI_IFNAME", ""}},
       "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"},
      {"DEL", {{"CNI_CONTAINERID", ""}, {"CNI_NETNS", ""}, {"CNI_IFNAME", ""}}, "CNI_CONTAINERID,CNI_IFNAME"},
      {"ADD", {{"CNI_NETNS", ""}}, "CNI_NETNS"},
      {"CHECK", {{"CNI_IFNAME", ""}}, "CNI_IFNAME"},
      {"DEL", {{"CNI_CONTAINERID", ""}}, "CNI_CONTAINERID"},
      {"", {}, "CNI_COMMAND"},
  }));
  CAPTURE(m.command, m.names);
  const Error e = error_of([&] { return request(vars(m.command, m.changed)); });
  CHECK(e.code == Code::bad_environment);
  CHECK(e.what() == "required env variables [" + m.names + "] missing");
}

TEST_CASE("the other variables are optional", "[cni][request]") {
  CHECK(request(vars("ADD", {{"CNI_ARGS", ""}, {"CNI_PATH", ""}})).args.ips.empty());
  CHECK(request(vars("DEL", {{"CNI_NETNS", ""}})).netns.empty());
}

TEST_CASE("a verb we do not know is refused by name", "[cni][request]") {
  CHECK(parse_command("GC") == Command::gc);
  const auto text = GENERATE(as<std::string>{}, "add", "ADD ", "UPDATE", "ADDADD");
  const Error e = error_of([&] { return parse_command(text); });
  CHECK(e.code == Code::bad_environment);
  CHECK(e.what() == "unknown CNI_COMMAND: " + text);
  CHECK(error_of([] { return parse_command("\x1b[31mADD\n"); }).what() == "unknown CNI_COMMAND: ?[31mADD?"s);
}

TEST_CASE("a variable that cannot name a pod's NIC is refused before anything is done", "[cni][request]") {
  const std::string id =
      "CNI_CONTAINERID: must be at most 128 letters, digits, '_', '.' or '-', beginning with a letter or digit";
  const std::string netns = "CNI_NETNS: must be an absolute path of at most 4096 bytes";
  const auto bad = GENERATE_COPY(values<Bad>({
      {"CNI_CONTAINERID", "../../x", id},
      {"CNI_CONTAINERID", ".hidden", id},
      {"CNI_CONTAINERID", "-x", id},
      {"CNI_CONTAINERID", "a b", id},
      {"CNI_CONTAINERID", "a/b", id},
      {"CNI_CONTAINERID", "$(x)", id},
      {"CNI_CONTAINERID", "a\nb", id},
      {"CNI_CONTAINERID", "a\0b"s, id},
      {"CNI_CONTAINERID", "caf\xc3\xa9", id},
      {"CNI_CONTAINERID", std::string(129, 'a'), id},
      {"CNI_CONTAINERID", std::string(4096, 'a'), id},
      {"CNI_NETNS", "run/netns/box", netns},
      {"CNI_NETNS", "host", netns},
      {"CNI_NETNS", "/run\0/x"s, netns},
      {"CNI_NETNS", "/" + std::string(4096, 'a'), netns},
      {"CNI_IFNAME", "lo", "CNI_IFNAME: lo is in every pod already"},
      {"CNI_IFNAME", "all", "CNI_IFNAME: interface name \"all\" "},
      {"CNI_IFNAME", "default", "CNI_IFNAME: interface name \"default\" "},
      {"CNI_IFNAME", ".", "CNI_IFNAME: "},
      {"CNI_IFNAME", "..", "CNI_IFNAME: "},
      {"CNI_IFNAME", "a/b", "CNI_IFNAME: "},
      {"CNI_IFNAME", "a:b", "CNI_IFNAME: "},
      {"CNI_IFNAME", "a b", "CNI_IFNAME: "},
      {"CNI_IFNAME", "a\tb", "CNI_IFNAME: "},
      {"CNI_IFNAME", "eth%d", "CNI_IFNAME: "},
      {"CNI_IFNAME", "eth\0x"s, "CNI_IFNAME: "},
      {"CNI_IFNAME", "eth\x1b", "CNI_IFNAME: "},
      {"CNI_IFNAME", "sixteen-letters-", "CNI_IFNAME: "},
  }));
  CAPTURE(bad.variable, bad.value);
  const Error e = error_of([&] { return request(vars("ADD", {{bad.variable, bad.value}})); });
  CHECK(e.code == Code::bad_environment);
  CHECK_THAT(e.what(), Catch::StartsWith(bad.message));
}

TEST_CASE("the longest values that are allowed are taken", "[cni][request]") {
  const std::string id(128, 'a'), netns = "/" + std::string(4095, 'a');
  const Request r =
      request(vars("ADD", {{"CNI_CONTAINERID", id}, {"CNI_NETNS", netns}, {"CNI_IFNAME", "fifteen-letters"}}));
  CHECK(r.container == id);
  CHECK(r.netns == netns);
  CHECK(r.ifname == "fifteen-letters");
}

TEST_CASE("bad CNI_ARGS fail ADD and CHECK, but never DEL", "[cni][request]") {
  CHECK(error_of([] { return request(vars("ADD", {{"CNI_ARGS", "junk"}})); }).code == Code::bad_environment);
  CHECK(error_of([] { return request(vars("CHECK", {{"CNI_ARGS", "IP=x"}})); }).code == Code::bad_environment);
  const auto args = GENERATE(as<std::string>{}, "junk", "IP=x", "MAC=ff:ff:ff:ff:ff:ff", "FOO=1", "K8S_POD_NAME=\n",
                             "IP=10.0.0.1;junk");
  CAPTURE(args);
  const Request r = request(vars("DEL", {{"CNI_ARGS", args}}));
  CHECK(r.container == "box-1");
  CHECK(r.args.ips.empty());
  CHECK(r.args.k8s.empty());
}

TEST_CASE("a namespace that cannot be a path is none for DEL", "[cni][request]") {
  CHECK(request(vars("DEL", {{"CNI_NETNS", "relative"}})).netns.empty());
  CHECK(request(vars("DEL", {{"CNI_NETNS", "/" + std::string(5000, 'x')}})).netns.empty());
}

TEST_CASE("a plain name is what the specification allows, up to 128 bytes", "[cni][request]") {
  for (const char* good : {"a", "0", "A9_.-", "kube-system_x.y", "a.."}) CHECK(is_plain_name(good));
  CHECK(is_plain_name(std::string(128, 'x')));
  for (const char* bad : {"", ".", "_a", "-a", "a/b", "a b", "a\n", "\xc3\xa9", "a%"}) CHECK_FALSE(is_plain_name(bad));
  CHECK_FALSE(is_plain_name(std::string(129, 'x')));
}
