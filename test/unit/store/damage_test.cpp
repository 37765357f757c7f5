#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "fixture.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

struct Damaged {
  TempDir dir;
  ipam::RangeSet v4 = pool("10.88.0.0/24"), v6 = pool("fd88::/64");
  Part part{bridge(), "0123456789abcdef", "demo", {plan::Up{{plan::Where::host, bridge()}}}, false};
  std::vector<std::string> files;

  Damaged() {
    const auto store = open_store(dir.path(), kHere);
    for (int n = 1; n <= 4; ++n) attach(*store, n);
    store->remove(pod(4), true);
    store->set_facts(bridge(), {});
    store->set_ready({bridge(), part.digest}, true);
    files = files_below(dir.path());
  }
  void attach(Store& store, int n) const {
    store.put_part(part, pod(n));
    add(store, pod(n), {{{&v4, std::nullopt}, {&v6, std::nullopt}}, std::nullopt, "trdemo", {{bridge(), part.digest}}});
  }
  // Serves all the records but a damaged one, gives an address that nobody has, takes everything back.
  void must_still_work(const std::string& file) const {
    const auto store = open_store(dir.path(), kHere);
    const auto records = store->list();
    const auto whole =
        std::count_if(records.begin(), records.end(), [](const RecordFile& f) { return f.record.has_value(); });
    REQUIRE(whole >= (file.starts_with("records/") ? 2 : 3));
    attach(*store, 9);
    attach(*store, 10);
    static const std::set<std::string> kFirst = {"10.88.0.2", "10.88.0.3", "10.88.0.4",
                                                 "fd88::2",   "fd88::3",   "fd88::4"};
    for (const int n : {9, 10}) {
      const auto record = store->find(pod(n));
      REQUIRE(record);
      for (const LeaseRef& lease : record->leases) REQUIRE(kFirst.count(lease.ip.str()) == 0);
    }
    REQUIRE(store->find(pod(9))->leases != store->find(pod(10))->leases);
    (void)store->parts();
    (void)store->facts(bridge());
    (void)store->departed_since_start(pod(1));
    store->remove(pod(9), false);
    store->remove(pod(10), false);
  }
};

// A quick copy of the damaged file's neighbours is not needed: what a round changes is put back from memory.
struct Snapshot {
  std::string dir;
  std::vector<std::pair<std::string, std::string>> texts;
  explicit Snapshot(const std::string& d) : dir(d) {
    for (const std::string& file : files_below(dir)) texts.emplace_back(file, read_text(dir + "/" + file));
  }
  void restore() const {
    for (const std::string& file : files_below(dir))
      if (std::none_of(texts.begin(), texts.end(), [&](const auto& t) { return t.first == file; }))
        ::remove((dir + "/" + file).c_str());
    for (const auto& [file, text] : texts) write_text(dir + "/" + file, text);
  }
};

}  // namespace

TEST_CASE("every byte of the store flipped, every length cut: the rest is served and no address is given twice",
          "[store][damage]") {
  const FakeClock clock;
  const Damaged d;
  const Snapshot whole(d.dir.path());
  for (const auto& [file, text] : whole.texts) {
    const std::string path = d.dir.path() + "/" + file;
    // A checksum covers all places alike; TRESTLE_FULL_SWEEP=1 looks at each.
    const std::size_t step = text.size() <= 64 || std::getenv("TRESTLE_FULL_SWEEP") != nullptr ? 1 : 13;
    for (std::size_t at = 0; at < text.size(); at += step) {
      CAPTURE(file, at);
      std::string flipped = text;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
      write_text(path, flipped);
      d.must_still_work(file);
      whole.restore();
      write_text(path, text.substr(0, at));
      d.must_still_work(file);
      whole.restore();
    }
  }
}

TEST_CASE("a damaged index over a damaged record still gives no address twice", "[store][damage]") {
  const FakeClock clock;
  const Damaged d;
  const Snapshot whole(d.dir.path());
  for (const auto& [record, text] : whole.texts) {
    if (!record.starts_with("records/")) continue;
    for (const std::size_t keep : {text.size() - 1, text.size() / 2, std::size_t{140}, std::size_t{0}}) {
      for (const auto& [state, bytes] : whole.texts) {
        if (!state.ends_with("/state")) continue;
        CAPTURE(record, keep, state);
        write_text(d.dir.path() + "/" + record, text.substr(0, keep));
        write_text(d.dir.path() + "/" + state, "");
        d.must_still_work(record);
        whole.restore();
      }
    }
  }
}

TEST_CASE("after any damage the store can be emptied", "[store][damage]") {
  const FakeClock clock;
  const Damaged d;
  const Snapshot whole(d.dir.path());
  for (const auto& [file, text] : whole.texts) {
    CAPTURE(file);
    write_text(d.dir.path() + "/" + file, text.substr(0, text.size() / 2));
    const auto store = open_store(d.dir.path(), kHere);
    for (const RecordFile& record : store->list()) store->remove_file(record);
    CHECK(store->count() == 0);
    CHECK(store->part_unused({bridge(), d.part.digest}, true));
    CHECK(store->use("trdemo", d.v4).used == 0);
    whole.restore();
  }
}

TEST_CASE("a directory, a FIFO or a symlink in the place of any file is no crash and no hang", "[store][damage]") {
  const FakeClock clock;
  const Damaged d;
  const Snapshot whole(d.dir.path());
  for (const std::string make : {"mkdir ", "mkfifo ", "ln -s /etc/passwd "}) {
    for (const auto& [file, text] : whole.texts) {
      if (file == "lock" || file.starts_with("records/") || file.find("/refs/") != std::string::npos) continue;
      CAPTURE(make, file);
      const std::string path = d.dir.path() + "/" + file;
      REQUIRE(::system(("rm -rf " + path + " && " + make + path).c_str()) == 0);
      d.must_still_work(file);
      REQUIRE(::system(("rm -rf " + path).c_str()) == 0);
      whole.restore();
    }
  }
}
