// One lease and one MAC for a VM, however many pods it lives in.
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <set>

#include "fixture.h"
#include "net/vm_identity.h"
#include "store/census.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

struct Vms {
  FakeClock clock;
  TempDir dir;
  ipam::RangeSet v4 = pool("10.88.0.0/24"), v6 = pool("fd88::/64");
  std::unique_ptr<Store> store = open_store(dir.path(), kHere);
  int taker = 1000;

  static net::VmNic nic(const std::string& vm) { return {vm, "eth0"}; }
  static net::Mac mac(const std::string& vm) { return net::vm_mac(bridge(), nic(vm)); }
  // As an ADD of a VM's pod does it.
  Record add(int n, const std::string& vm, const std::string& wanted = "", const std::string& wanted_mac = "") {
    Reservation ask{"trdemo", {{&v4, std::nullopt}, {&v6, std::nullopt}}, mac(vm), nic(vm)};
    if (!wanted.empty()) ask.wants[0].wanted = net::Ip::parse(wanted);
    if (!wanted_mac.empty()) ask.mac = net::Mac::parse(wanted_mac);
    return store->commit(
        pod(n), ask, [&](const std::vector<plan::LeasedIp>& ips) { return make_record(pod(n), ips, *ask.mac, {}); });
  }
  std::string record_of(int n) const { return dir.path() + "/records/" + file_of(n); }
  static std::string file_of(int n) { return record_file(net::owner_hash(pod(n))); }
  void damage(int n) const {
    const std::string text = read_text(record_of(n));
    write_text(record_of(n), text.substr(0, text.size() - 20));
  }
  // A kill in the midst of a change leaves this.
  void forget_index() const {
    for (const std::string& file : files_below(dir.path() + "/segments"))
      if (file.ends_with("/state")) write_text(dir.path() + "/segments/" + file, "");
  }
  // Takes every address of the pool but those that somebody holds or that rest.
  std::set<std::string> take_all() {
    std::set<std::string> given;
    for (;;) {
      const std::string why = error_of([&] { given.insert(add_ip(*store, ++taker, v4)); });
      if (!why.empty()) return given;
    }
  }
  std::vector<std::string> markers() const {  // the VMs' entries
    std::vector<std::string> found;
    for (const std::string& file : files_below(dir.path() + "/segments"))
      if (file.find("/v-") != std::string::npos) found.push_back(file);
    return found;
  }
};

std::string ip_of(const Record& record) { return record.leases.at(0).ip.str(); }
std::string mac_of(const Record& record) { return record.nics.at(0).mac.str(); }

}  // namespace

TEST_CASE("the second pod of a VM gets the lease and the MAC of the first, in both families", "[store][vm]") {
  Vms s;
  const Record a = s.add(1, "web"), b = s.add(2, "web"), other = s.add(3, "db");
  CHECK(b.leases == a.leases);
  CHECK(b.nics.at(0).mac == a.nics.at(0).mac);
  CHECK(other.leases.at(0) != a.leases.at(0));
  CHECK(other.leases.at(1) != a.leases.at(1));
  CHECK(other.nics.at(0).mac != a.nics.at(0).mac);
  CHECK(s.store->use("trdemo", s.v4).used == 2);
  CHECK(s.store->find(pod(2))->vm == "web");
  const auto kin = s.store->kin(a);
  REQUIRE(kin.size() == 1);
  CHECK(kin[0].owner == pod(2));
  CHECK(s.store->kin(other).empty());
}

TEST_CASE("the lease goes with the last pod of the VM, whichever goes first", "[store][vm]") {
  const bool rebuilt = GENERATE(false, true);
  const int first = GENERATE(1, 2);
  CAPTURE(rebuilt, first);
  Vms s;
  const Record a = s.add(1, "web");
  s.add(2, "web");
  if (rebuilt) s.forget_index();
  s.store->remove(pod(first), true);
  CHECK(s.store->use("trdemo", s.v4).used == 1);
  CHECK(s.store->use("trdemo", s.v4).resting == 0);
  if (rebuilt) s.forget_index();
  CHECK(error_of([&] { s.add(4, "db", "", mac_of(a)); }).starts_with("103: MAC " + mac_of(a) + " is held by demo/pod"));
  CHECK_FALSE(s.take_all().contains(ip_of(a)));
  // A third comes while one is left, and is one of them.
  CHECK(s.add(3, "web").leases == a.leases);
  s.store->remove(pod(3 - first), true);
  s.store->remove(pod(3), true);
  CHECK(s.store->use("trdemo", s.v4).resting == 1);
  CHECK(s.markers().empty());
  CHECK(s.store->kin(a).empty());
  s.clock.advance_seconds(31);
  CHECK(s.take_all() == std::set<std::string>{ip_of(a)});
}

TEST_CASE("a requested address that the VM holds is the VM's other pod's too, and no other's", "[store][vm]") {
  Vms s;
  s.add(1, "web", "10.88.0.77");
  CHECK(ip_of(s.add(2, "web", "10.88.0.77")) == "10.88.0.77");
  CHECK(ip_of(s.add(3, "web")) == "10.88.0.77");
  const std::string why = error_of([&] { s.add(4, "db", "10.88.0.77"); });
  CHECK(why.starts_with("103: address 10.88.0.77 is held by demo/pod"));
  CHECK(error_of([&] { add_ip(*s.store, 5, s.v4, "10.88.0.77"); }).starts_with("103: "));
  CHECK_FALSE(s.store->exists(pod(4)));
  // Another address for the second pod is the VM's own affair.
  CHECK(ip_of(s.add(6, "web", "10.88.0.78")) == "10.88.0.78");
  s.store->remove(pod(6), false);
  CHECK(ip_of(s.add(7, "db", "10.88.0.78")) == "10.88.0.78");
}

TEST_CASE("a requested MAC is refused to another VM with the holder's name, and given to the VM's other pod",
          "[store][vm]") {
  Vms s;
  const std::string mac = "02:00:00:00:00:77";
  s.add(1, "web", "", mac);
  CHECK(error_of([&] { s.add(2, "db", "", mac); }) == "103: MAC " + mac + " is held by demo/pod1/eth0");
  CHECK(mac_of(s.add(3, "web", "", mac)) == mac);
  CHECK(s.store->mac_of("trdemo", Vms::nic("web"))->str() == mac);
  CHECK_FALSE(s.store->mac_of("trdemo", Vms::nic("db")));
  s.store->remove(pod(1), true);
  CHECK(error_of([&] { s.add(2, "db", "", mac); }) == "103: MAC " + mac + " is held by demo/pod3/eth0");
  s.store->remove(pod(3), true);
  CHECK(mac_of(s.add(2, "db", "", mac)) == mac);
}

TEST_CASE("a VM that restarts gets its address again: while it rests, and hours later where it is free",
          "[store][vm]") {
  Vms s;
  const Record a = s.add(1, "web");
  s.store->remove(pod(1), true);
  CHECK(s.add(2, "web").leases == a.leases);
  s.store->remove(pod(2), true);
  for (int n = 100; n < 120; ++n) add_ip(*s.store, n, s.v4);
  s.clock.advance_seconds(4 * 3600);
  for (int n = 120; n < 140; ++n) add_ip(*s.store, n, s.v4);
  CHECK(s.add(3, "web").leases == a.leases);
  // One that somebody has by then is not taken away; the MAC stays all the same.
  s.store->remove(pod(3), false);
  CHECK(add_ip(*s.store, 141, s.v4, ip_of(a)) == ip_of(a));
  const Record b = s.add(4, "web");
  CHECK(ip_of(b) != ip_of(a));
  CHECK(mac_of(b) == mac_of(a));
  // What it has now rests for it, though its first place is free again.
  s.store->remove(pod(141), false);
  s.store->remove(pod(4), true);
  CHECK(s.add(5, "web").leases == b.leases);
}

TEST_CASE("two nodes give a VM the same address", "[store][vm]") {
  Vms s;
  const TempDir other_dir;
  auto other = open_store(other_dir.path(), kHere);
  for (int n = 1; n < 5; ++n) add_ip(*s.store, n, s.v4);
  const Record here = s.add(10, "web");
  std::swap(s.store, other);
  const Record there = s.add(20, "web");
  std::swap(s.store, other);
  CHECK(there.leases == here.leases);
  CHECK(mac_of(there) == mac_of(here));
}

TEST_CASE("a damaged record of one pod of a VM neither frees nor withholds what the other has", "[store][vm]") {
  const bool rebuilt = GENERATE(false, true);
  CAPTURE(rebuilt);
  Vms s;
  const Record a = s.add(1, "web");
  SECTION("the first is damaged, the second comes") {
    s.damage(1);
    if (rebuilt) s.forget_index();
    CHECK(s.add(2, "web").leases == a.leases);
    s.store->remove(pod(1), true);
  }
  SECTION("the first is damaged, the second goes and comes again") {
    s.add(2, "web");
    s.damage(1);
    if (rebuilt) s.forget_index();
    s.store->remove(pod(2), true);
    CHECK_FALSE(s.take_all().contains(ip_of(a)));
    s.clock.advance_seconds(60);
    CHECK_FALSE(s.take_all().contains(ip_of(a)));
    CHECK(s.add(2, "web").leases == a.leases);
    s.store->remove(pod(1), true);
  }
  CHECK_FALSE(s.take_all().contains(ip_of(a)));
  CHECK(s.add(3, "web").leases == a.leases);
  s.store->remove(pod(2), false);
  s.store->remove(pod(3), false);
  s.store->sweep();
  CHECK(s.take_all().contains(ip_of(a)));
  CHECK(s.markers().empty());
}

TEST_CASE("an entry without its record is nobody's", "[store][vm]") {
  Vms s;
  const Record a = s.add(1, "web");
  REQUIRE(::remove(s.record_of(1).c_str()) == 0);
  CHECK(s.store->kin(a).empty());
  CHECK_FALSE(s.store->mac_of("trdemo", Vms::nic("web")));
  s.add(2, "web");
  s.store->sweep();
  CHECK(s.markers().size() == 1);
  s.store->remove(pod(2), false);
  CHECK(s.markers().empty());
}

TEST_CASE("a lost index is made again with both pods of a VM", "[store][vm]") {
  Vms s;
  const Record a = s.add(1, "web");
  s.add(2, "web");
  REQUIRE(::system(("rm -rf " + s.dir.path() + "/segments").c_str()) == 0);
  CHECK(s.store->kin(a).size() == 1);
  add_ip(*s.store, 9, s.v4);
  CHECK(s.markers().size() == 2);
  s.store->remove(pod(1), true);
  CHECK_FALSE(s.take_all().contains(ip_of(a)));
}

TEST_CASE("pure layer 2: the second pod has the MAC, and a rewritten record is still the VM's", "[store][vm]") {
  Vms s;
  const auto commit = [&](int n) {
    return s.store->commit(pod(n), {"trdemo", {}, Vms::mac("web"), Vms::nic("web")},
                           [&](const auto& ips) { return make_record(pod(n), ips, Vms::mac("web"), {}); });
  };
  commit(1);
  commit(2);
  Record changed = *s.store->find(pod(1));
  changed.vm.clear();
  s.store->rewrite(changed);
  CHECK(s.store->find(pod(1))->vm == "web");
  s.store->remove(pod(2), true);
  CHECK(error_of([&] { s.add(3, "db", "", Vms::mac("web").str()); }).starts_with("103: MAC"));
  s.store->remove(pod(1), true);
  CHECK(s.markers().empty());
}

TEST_CASE("killed anywhere, pods of VMs leave no lease that is given twice or never", "[store][vm][kill]") {
  Vms s;
  for (int round = 0; round < 60; ++round) {
    const pid_t child = start_child([&] {
      s.store = open_store(s.dir.path(), kHere);
      for (int n = 0;; ++n) {
        const int id = n % 6;  // pods 0 to 5 of the VMs 0 to 2
        s.store->remove(pod(id), n % 3 != 0);
        s.add(id, "vm" + std::to_string(id % 3));
      }
    });
    ::usleep(static_cast<useconds_t>(500 + round * 37 % 2500));
    ::kill(child, SIGKILL);
    CHECK_FALSE(child_succeeded(child));
    s.store = open_store(s.dir.path(), kHere);
    std::map<std::string, std::set<std::string>> vms;  // by address
    for (const RecordFile& file : s.store->list()) {
      REQUIRE(file.record);
      vms[ip_of(*file.record)].insert(file.record->vm);
    }
    for (const auto& [ip, of] : vms) REQUIRE(of.size() == 1);
    REQUIRE(vms.size() <= 3);
  }
  std::set<std::string> held;
  for (const RecordFile& file : s.store->list()) held.insert(ip_of(*file.record));
  for (const std::string& ip : s.take_all()) REQUIRE_FALSE(held.contains(ip));
  for (const RecordFile& file : s.store->list()) s.store->remove(file.record->owner, false);
  s.store->sweep();
  CHECK(s.markers().empty());
  CHECK(s.store->use("trdemo", s.v4).used == 0);
}

TEST_CASE("what a VM took along to another node is nobody else's, whatever time goes by", "[store][vm][moved]") {
  Vms s;
  const Record first = s.add(1, "db");
  const std::string ip = first.leases.at(0).ip.str();
  s.store->remove(pod(1), true, {Vms::mac("db")});
  s.clock.advance_seconds(100'000);
  SECTION("not by name") {
    CHECK(error_of([&] { add_ip(*s.store, 2, s.v4, ip); }).find("103:") == 0);
  }
  SECTION("not by chance either, though all else is in use: it was there twice") {
    const std::set<std::string> given = s.take_all();
    CHECK(given.size() == 252);
    CHECK_FALSE(given.contains(ip));
    const std::string why = error_of([&] { add_ip(*s.store, 9999, s.v4); });
    CHECK(why.find("102:") == 0);
    CHECK(why.find("that of a VM that moved to another node") != std::string::npos);
    CHECK(s.store->use("trdemo", s.v4).used == 253);
    CHECK(s.add(10000, "db").leases.at(0).ip.str() == ip);  // it comes home
  }
  SECTION("not after the index was lost") {
    s.forget_index();
    CHECK(error_of([&] { add_ip(*s.store, 2, s.v4, ip); }).find("103:") == 0);
    CHECK(s.store->use("trdemo", s.v4).used == 1);  // STATUS: nobody but the VM can have it
  }
  SECTION("nor after tidying up") {
    s.store->sweep();
    CHECK(error_of([&] { add_ip(*s.store, 2, s.v4, ip); }).find("103:") == 0);
  }
  SECTION("the VM gets it back, asked for or not, and it then goes as any other") {
    CHECK(s.add(2, "db").leases.at(0).ip.str() == ip);
    s.store->remove(pod(2), true);
    s.clock.advance_seconds(31);
    CHECK(add_ip(*s.store, 3, s.v4, ip) == ip);
  }
  SECTION("where it only visited, its own node may have given it to the next VM") {
    ipam::RangeSet part = pool("10.88.1.0/24");
    ipam::Range visiting = part.front();
    visiting.first = visiting.last = net::Ip::parse(ip);
    part.push_back(visiting);
    CHECK(add_ip(*s.store, 2, part, ip) == ip);
  }
  SECTION("by name") { CHECK(s.add(2, "db", ip).leases.at(0).ip.str() == ip); }
}
