// Where the store may be, and what happens when its disk is full or read-only.
#include <catch2/catch.hpp>

#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// A small file system for the state directory of one test.
class Disk {
 public:
  Disk(const Node& node, const std::string& options) : at_(node.state()) {
    must_run("mkdir -m 0700 " + at_ + " && mount -t tmpfs -o mode=0700," + options + " none " + at_);
  }
  ~Disk() { run("umount -l " + at_); }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  void fill() const {
    run("dd if=/dev/zero of=" + at_ + "/filler bs=4096; i=0; while : > " + at_ +
        "/filler.$i; do i=$((i+1)); [ $i -lt 2000 ] || break; done");
  }
  void make_room() const { run("rm -f " + at_ + "/filler*"); }
  void remount(const std::string& options) const { must_run("mount -o remount," + options + " " + at_); }

 private:
  std::string at_;
};

std::string message(const Answer& answer) {
  return answer.json.is_object() ? answer.json.value("msg", "") + answer.json.value("details", "") : "";
}

}  // namespace

TEST_CASE("on a full disk ADD fails with 101 and leaves nothing, and DEL works", "[store][disk]") {
  const auto options = GENERATE(as<std::string>{}, "size=256k", "size=4m,nr_inodes=60");
  CAPTURE(options);
  const Node node;
  const Disk disk(node, options);
  const Pod a("a"), b("b"), c("c");
  node.must_add(a);
  node.must_add(b);
  disk.fill();
  const Snapshot before = snapshot();
  const Answer refused = node.add(c);
  CAPTURE(told(refused));
  CHECK(refused.code() == 101);
  CHECK_THAT(message(refused), Contains(node.state()) && Contains("No space left"));
  CHECK(changed_since(before) == kNothing);
  CHECK(node.records().size() == 2);
  CHECK(told(node.del(a)) == "0 ");
  CHECK(told(node.del(c)) == "0 ");
  CHECK(told(node.gc(json::array())) == "0 ");
  CHECK(node.left() == kNothing);
  CHECK(node.status().code() == 50);
  disk.make_room();
  CHECK(told(node.status()) == "0 ");
  CHECK(node.add(c).ok());
  CHECK(node.del(c).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("the first ADD on a full disk makes no switch", "[store][disk]") {
  const Node node;
  const Disk disk(node, "size=256k");
  disk.fill();
  const Pod a("a");
  const Answer refused = node.add(a);
  CHECK(refused.code() == 101);
  CHECK(node.changed() == kNothing);
  CHECK(told(node.del(a)) == "0 ");
  disk.make_room();
  CHECK(node.add(a).ok());
}

TEST_CASE("with a read-only state directory STATUS is 50, ADD fails, and DEL still cleans the kernel",
          "[store][disk]") {
  const Node node;
  const Disk disk(node, "size=1m");
  const Pod a("a"), b("b");
  node.must_add(a);
  disk.remount("ro");
  const Answer status = node.status();
  CAPTURE(told(status));
  CHECK(status.code() == 50);
  CHECK_THAT(message(status), Contains(node.state()));
  const Snapshot before = snapshot();
  const Answer refused = node.add(b);
  CHECK(refused.code() == 101);
  CHECK_THAT(message(refused), Contains(node.state()) && Contains("Read-only"));
  CHECK(changed_since(before) == kNothing);
  const Answer deleted = node.del(a);  // the record stays: it says so, and a later DEL ends it
  CHECK_FALSE(deleted.ok());
  CHECK_THAT(message(deleted), Contains(node.state()) && !Contains("not found"));
  CHECK_FALSE(a.exec("ip link show dev eth0").ok());
  disk.remount("rw");
  CHECK(told(node.del(a)) == "0 ");
  CHECK(node.left() == kNothing);
}

TEST_CASE("a state directory that others could write, or that leads elsewhere, is refused", "[store][disk]") {
  struct Row {
    const char* what;
    const char* command;  // $D: the directory
  };
  const Row rows[] = {
      {"world-writable", "mkdir -m 0777 $D"},
      {"group-writable", "mkdir -m 0770 $D"},
      {"another's", "mkdir -m 0700 $D && chown 65534 $D"},
      {"symlink", "mkdir -m 0700 /run/other && ln -s /run/other $D"},
      {"file", "touch $D"},
      {"FIFO", "mkfifo $D"},
      {"lock as a FIFO", "mkdir -m 0700 $D && mkfifo $D/lock"},
      {"lock as a symlink", "mkdir -m 0700 $D && touch /run/other && ln -s /run/other $D/lock"},
      {"records as a symlink", "mkdir -m 0700 $D /run/other && ln -s /run/other $D/records"},
      {"switches as a symlink", "mkdir -m 0700 $D /run/other && ln -s /run/other $D/switches"},
      {"segments as a symlink", "mkdir -m 0700 $D /run/other && ln -s /run/other $D/segments"},
  };
  const Node node;
  const Pod pod("c1");
  for (const Row& row : rows) {
    CAPTURE(row.what);
    must_run("rm -rf /run/other; D=" + node.state() + "; " + row.command);
    const Answer refused = node.add(pod);
    CAPTURE(told(refused));
    CHECK(refused.code() == 101);
    CHECK_THAT(message(refused), Contains(node.state()));
    CHECK(node.changed() == kNothing);
    CHECK(files_below("/run/other").size() <= 1);
    CHECK(run("test -s /run/other -a -f /run/other").status != 0);
    must_run("rm -rf " + node.state() + " /run/other");
  }
}

TEST_CASE("the state directory is made for root alone, whatever the caller's umask", "[store][disk]") {
  const Node node;
  const Pod pod("c1");
  node.must_add(pod, demo_with({{"stateDir", "/run/deep/er/state"}}));
  CHECK(must_run("stat -c '%a %u' /run/deep/er/state") == "700 0\n");
  CHECK(must_run("find /run/deep/er/state ! -type l -perm /077").empty());
  node.must_del(pod, demo_with({{"stateDir", "/run/deep/er/state"}}));
  CHECK(node.changed() == kNothing);
  must_run("rm -rf /run/deep");
}
