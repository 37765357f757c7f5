// A store that somebody damaged, byte by byte: no crash, no address given twice, the others served, and everything goes in the end.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;

Files files_of(const std::string& directory) {
  Files all;
  for (const std::string& path : files_below(directory)) {
    std::ifstream in(path, std::ios::binary);
    all[path] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return all;
}

void put(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// As it was, in every byte and in no file more.
void restore(const std::string& directory, const Files& files) {
  for (const std::string& path : files_below(directory))
    if (!files.contains(path)) fs::remove(path);
  for (const auto& [path, text] : files) put(path, text);
}

// Three attachments, whose store is damaged again and again.
class Damaged {
 public:
  Damaged() {
    for (std::size_t i = 0; i < pods_.size(); ++i) added_.push_back(node_.must_add(pods_[i]));
    for (const Answer& one : added_)
      for (const std::string& ip : addresses_of(one)) given_.insert(ip);
    // What an ADD and its DEL leave behind, resting addresses and all, is damaged too.
    node_.must_add(late_);
    node_.must_del(late_);
    files_ = files_of(node_.state());
  }

  const Files& files() const { return files_; }
  const Node& node() const { return node_; }

  // Takes a fourth pod on and off again. Whatever is damaged: an answer, and no address or MAC of the three.
  void use(const std::string& damaged) {
    const Answer added = node_.add(late_);
    CAPTURE(told(added));
    if (added.ok()) {
      for (const std::string& ip : addresses_of(added)) CHECK(given_.count(ip) == 0);
      for (const Answer& other : added_) CHECK(mac_of(added) != mac_of(other));
    } else {
      CHECK(added.status == 1);
      REQUIRE(added.json.is_object());
      CHECK(added.code() != 0);
      CHECK(added.code() != 199);
    }
    if (damaged.find("/switches/") == std::string::npos)
      for (std::size_t i = 0; i < pods_.size(); ++i)
        if (damaged.find(record_of(i)) == std::string::npos) CHECK(told(node_.check(pods_[i], added_[i])) == "0 ");
    const Answer deleted = node_.del(late_);
    CAPTURE(told(deleted));
    CHECK(deleted.ok());
  }

  // DEL of all, as runtimes do it in the end; then the store starts anew.
  void finish() {
    for (const Pod& pod : pods_) {
      const Answer deleted = node_.del(pod);
      CAPTURE(told(deleted));
      CHECK(deleted.ok());
    }
    CHECK(node_.gc(json::array()).ok());
    CHECK(node_.left() == kNothing);
    fs::remove_all(node_.state());
    for (std::size_t i = 0; i < pods_.size(); ++i) added_[i] = node_.must_add(pods_[i]);
    node_.must_add(late_);
    node_.must_del(late_);
    files_ = files_of(node_.state());
  }
  void again() const { restore(node_.state(), files_); }

 private:
  std::string record_of(std::size_t i) const {
    for (const auto& [path, text] : files_)
      if (path.find("/records/") != std::string::npos &&
          text.find("\"container\":\"" + pods_[i].name() + "\"") != std::string::npos)
        return path;
    return "none";
  }

  Node node_;
  std::array<Pod, 3> pods_{Pod("a"), Pod("b"), Pod("c")};
  Pod late_{"late"};
  std::vector<Answer> added_;
  std::set<std::string> given_;
  Files files_;
};

}  // namespace

TEST_CASE("a store with any byte flipped or any file cut serves whom it can and gives no address twice",
          "[store][damage]") {
  constexpr int kTries = 300, kFinishEach = 15;
  const char* chosen = std::getenv("TRESTLE_DAMAGE_SEED");  // the same in every run unless asked otherwise
  const std::uint32_t seed = chosen ? static_cast<std::uint32_t>(std::strtoul(chosen, nullptr, 10)) : 1U;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  Damaged store;
  for (int i = 0; i < kTries; ++i) {
    auto it = store.files().begin();
    std::advance(it, static_cast<long>(below(store.files().size())));
    const std::string path = it->first;
    std::string text = it->second;
    const std::size_t kind = below(6), at = text.empty() ? 0 : below(text.size());
    if (!text.empty() && kind < 4) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
    if (kind == 4) text.resize(at);
    if (kind == 5) text.insert(at, "{");
    CAPTURE(path, kind, at);
    put(path, text);
    store.use(path);
    if (i % kFinishEach == kFinishEach - 1)
      store.finish();
    else
      store.again();
  }
}

TEST_CASE("a store with something else in a file's place serves whom it can", "[store][damage]") {
  struct Row {
    const char* what;
    const char* command;  // $F: the file
  };
  const Row rows[] = {
      {"gone", "rm $F"},
      {"a directory", "rm $F && mkdir $F"},
      {"a directory with files", "rm $F && mkdir $F && touch $F/x"},
      {"a FIFO", "rm $F && mkfifo $F"},
      {"a symlink to a file", "rm $F && ln -s /run/target $F"},
      {"a symlink to itself", "rm $F && ln -s $F $F"},
      {"empty", ": > $F"},
      {"huge", "truncate -s 3G $F"},
      {"zeros", "truncate -s 0 $F && truncate -s 4096 $F"},
  };
  must_run("echo precious > /run/target");
  Damaged store;
  std::set<std::string> kinds;
  for (const auto& [path, text] : Files(store.files())) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name == "lock") continue;  // what is no plain file there is refused: store_disk.cpp
    if (!kinds
             .insert(path.find("/records/") != std::string::npos || path.find("/refs/") != std::string::npos
                         ? path.substr(0, path.rfind('/'))
                         : name)
             .second)
      continue;
    for (const Row& row : rows) {
      CAPTURE(path, row.what);
      must_run("F=" + path + "; " + row.command);
      store.use(path);
      must_run("rm -rf " + path);
      store.again();
    }
  }
  store.finish();
  CHECK(must_run("cat /run/target") == "precious\n");
}

TEST_CASE("foreign files in the store are left alone", "[store][damage]") {
  const Node node;
  const Pod a("a"), b("b");
  node.must_add(a);
  const std::string state = node.state();
  for (const char* path : {"/README", "/records/README", "/records/0123.json", "/records/zzzzzzzzzzzzzzzz.json",
                           "/segments/README", "/switches/README"})
    put(state + path, "mine");
  CHECK(node.add(b).ok());
  CHECK(node.del(b).ok());
  CHECK(node.gc({{{"containerID", "a"}, {"ifname", "eth0"}}}).ok());
  CHECK(node.del(a).ok());
  CHECK(node.changed() == kNothing);
  CHECK(must_run("cat " + state + "/README " + state + "/records/README") == "minemine");
}
