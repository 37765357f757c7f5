#include <catch2/catch.hpp>

#include <set>

#include "base/error.h"
#include "fixture.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

struct Three {
  TempDir dir;
  std::unique_ptr<Store> store = open_store(dir.path(), kHere);
  ipam::RangeSet set = pool("10.88.0.0/24");
  Three() {
    for (int n = 1; n <= 3; ++n) add_ip(*store, n, set);
  }
  std::string file(int n) const { return dir.path() + "/records/" + hash(n) + ".json"; }
  static std::string hash(int n) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(net::owner_hash(pod(n))));
    return text;
  }
};

}  // namespace

TEST_CASE("a record is found by its owner alone", "[store][records]") {
  const Three t;
  CHECK(t.store->find(pod(2))->leases.at(0).ip.str() == "10.88.0.3");
  CHECK(t.store->exists(pod(2)));
  CHECK_FALSE(t.store->find(pod(4)));
  CHECK_FALSE(t.store->exists(pod(2, "other")));
  CHECK(t.store->count() == 3);
  CHECK(t.store->list().size() == 3);
}

TEST_CASE("a removed record is gone, and removing it again is no error", "[store][records]") {
  const Three t;
  t.store->remove(pod(2), true);
  CHECK_FALSE(t.store->exists(pod(2)));
  CHECK_NOTHROW(t.store->remove(pod(2), true));
  CHECK_NOTHROW(t.store->remove(pod(77), false));
  CHECK(t.store->count() == 2);
}

TEST_CASE("a damaged record harms only itself, and its address stays out of use", "[store][records]") {
  const Three t;
  const std::string text = read_text(t.file(2));
  const auto bad = GENERATE_COPY(as<std::string>{}, "", "garbage", text.substr(0, text.size() / 2), text + "x");
  write_text(t.file(2), bad);
  CHECK(error_of([&] { (void)t.store->find(pod(2)); }).find("101: " + t.file(2) + ": this record cannot be read") == 0);
  CHECK(t.store->exists(pod(2)));
  CHECK(t.store->find(pod(1)));
  const auto files = t.store->list();
  CHECK(std::count_if(files.begin(), files.end(), [](const RecordFile& f) { return !f.record && !f.why.empty(); }) ==
        1);
  CHECK(error_of([&] { add_ip(*t.store, 9, t.set, "10.88.0.3"); }) ==
        "103: address 10.88.0.3 is held by an attachment whose record is damaged");

  SECTION("through a rebuild as well") {
    for (const std::string& file : files_below(t.dir.path()))
      if (file.ends_with("/state")) write_text(t.dir.path() + "/" + file, "x");
    for (int n = 10; n < 10 + 250; ++n) CHECK(add_ip(*t.store, n, t.set) != "10.88.0.3");
    CHECK(error_of([&] { add_ip(*t.store, 999, t.set); }).find("102:") == 0);
  }
  SECTION("until it is removed") {
    t.store->remove(pod(2), true);
    CHECK_FALSE(t.store->exists(pod(2)));
    CHECK(add_ip(*t.store, 9, t.set, "10.88.0.3") == "10.88.0.3");
  }
  SECTION("or collected, by its file's name") {
    for (const RecordFile& file : files)
      if (!file.record) t.store->remove_file(file);
    CHECK(t.store->count() == 2);
    CHECK(t.store->use("trdemo", t.set).used == 2);
  }
}

TEST_CASE("a record under another's name is nobody's", "[store][records]") {
  const Three t;
  write_text(t.file(7), read_text(t.file(1)));
  CHECK(error_of([&] { (void)t.store->find(pod(7)); }).find("another attachment") != std::string::npos);
  CHECK(t.store->find(pod(1)));
}

TEST_CASE("foreign things in the place of records are survived", "[store][records]") {
  const Three t;
  const std::string records = t.dir.path() + "/records/";
  write_text(records + "README", "hello");
  REQUIRE(
      ::system(("mkdir " + t.file(20) + " && mkfifo " + t.file(21) + " && ln -s /etc/passwd " + t.file(22)).c_str()) ==
      0);
  CHECK(t.store->count() == 6);
  const auto files = t.store->list();
  CHECK(std::count_if(files.begin(), files.end(), [](const RecordFile& f) { return f.record.has_value(); }) == 3);
  for (const int n : {20, 21, 22}) CHECK_THROWS_AS(t.store->find(pod(n)), base::Error);
  for (const int n : {20, 21, 22}) CHECK_NOTHROW(t.store->remove(pod(n), true));
  CHECK(t.store->count() == 3);
  CHECK(read_text("/etc/passwd").size() > 10);
}

TEST_CASE("a rewrite changes the record and keeps its leases", "[store][records]") {
  const Three t;
  Record r = t.store->find(pod(1)).value();
  r.mode = "routed";
  r.leases.clear();
  t.store->rewrite(r);
  CHECK(t.store->find(pod(1))->mode == "routed");
  CHECK(t.store->find(pod(1))->leases.size() == 1);
  r.owner = pod(8);
  CHECK(error_of([&] { t.store->rewrite(r); }).find("101:") == 0);
  CHECK_FALSE(t.store->exists(pod(8)));
}

TEST_CASE("a few records in turn: all of them, round and round", "[store][records]") {
  const Three t;
  for (int n = 4; n <= 30; ++n) add_ip(*t.store, n, t.set);
  SECTION("where the last call stopped, of whichever process") {
    std::multiset<std::string> seen;
    for (int n = 0; n < 20; ++n)
      for (const Glimpse& glimpse : open_store(t.dir.path(), kHere)->next_few(4)) seen.insert(glimpse.name);
    CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 30);
  }
  SECTION("not with the one just seen, though newer records have pushed it behind the place") {
    // As tmpfs numbers entries before Linux 6.6: self-heal looked at one record for ever.
    const std::string first = t.store->next_few(1).at(0).name;
    std::string cursor = read_text(t.dir.path() + "/heal");
    REQUIRE(cursor.size() == 16);
    write_text(t.dir.path() + "/heal", std::string(8, '\0') + cursor.substr(8));
    CHECK(t.store->next_few(1).at(0).name != first);
  }
  SECTION("with its host links, and the whole record when asked for; a damaged one is left out") {
    write_text(t.file(2), "damaged");
    std::size_t seen = 0;
    for (int n = 0; n < 30; ++n)
      for (const Glimpse& glimpse : t.store->next_few(1)) {
        ++seen;
        const auto file = t.store->read(glimpse.name);
        REQUIRE((file && file->record));
        REQUIRE(glimpse.host_links.size() == file->record->nics.size());
        CHECK(glimpse.host_links.at(0) == file->record->nics.at(0).host_link);
      }
    CHECK(seen == 29);
    CHECK_FALSE(t.store->read("0000000000000000"));
    CHECK_FALSE(t.store->read("../../etc/passwd"));
  }
  SECTION("any start is a good one") {
    const auto start = GENERATE(as<std::string>{}, "", "x", std::string(8, '\1'), std::string(16, '\xff'),
                                std::string(16, '\x7f'), std::string(17, '\1'));
    write_text(t.dir.path() + "/heal", start);
    std::set<std::string> seen;
    for (int n = 0; n < 20; ++n)
      for (const Glimpse& glimpse : t.store->next_few(4)) seen.insert(glimpse.name);
    CHECK(seen.size() == 30);
  }
}

TEST_CASE("tidying up rebuilds what foreign hands took away", "[store][records]") {
  const Three t;
  REQUIRE(::remove(t.file(2).c_str()) == 0);
  write_text(t.dir.path() + "/records/.0000000000000000.tmp", "left by a kill");
  write_text(t.dir.path() + "/segments/garbage", "x");
  CHECK(t.store->use("trdemo", t.set).used == 3);
  t.store->sweep();
  CHECK(t.store->use("trdemo", t.set).used == 2);
  CHECK(files_below(t.dir.path() + "/records").size() == 2);
  CHECK(read_text(t.dir.path() + "/segments/garbage").empty());
}

TEST_CASE("without its directories the store goes on", "[store][records]") {
  const Three t;
  const auto gone = GENERATE(as<std::string>{}, "segments", "switches", "records", "departed", "host", "segments/*/4*",
                             "segments/*/m-*");
  CAPTURE(gone);
  REQUIRE(::system(("rm -rf " + t.dir.path() + "/" + gone).c_str()) == 0);
  const auto store = open_store(t.dir.path(), kHere);
  for (int n = 10; n < 20; ++n) add_ip(*store, n, t.set);
  const auto leases = all_leases(*store);
  CHECK(std::set<std::string>(leases.begin(), leases.end()).size() == leases.size());
  for (const RecordFile& file : store->list()) store->remove_file(file);
  CHECK(store->count() == 0);
  store->sweep();
  CHECK(store->use("trdemo", t.set).used == 0);
}
