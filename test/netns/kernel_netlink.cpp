#include <linux/rtnetlink.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "kernel_world.h"

namespace trestle::test {

namespace {

using namespace trestle::kernel;

TEST_CASE("every refusal of a batch is told, in order, with the kernel's own words; the others are done",
          "[kernel][netlink]") {
  World w;
  w.make_bridge();
  const net::IfName absent = net::IfName::parse("absent");
  set_up(w.batch, absent);
  set_link(w.batch, kBridge, 1450, nullptr, std::nullopt, std::nullopt);
  set_link(w.batch, kBridge, 70000, nullptr, std::nullopt, std::nullopt);
  const auto refused = w.outer.send(w.batch);
  REQUIRE(refused.size() == 2);
  CHECK(refused[0].index == 0);
  CHECK(refused[0].err == ENODEV);
  CHECK(refused[0].label == "link absent: set up");
  CHECK(refused[1].index == 2);
  CHECK(refused[1].err == EINVAL);
  CHECK(refused[1].label == "link tr0: change (mtu greater than device maximum)");
  CHECK(w.batch.empty());
  CHECK(get_link(w.outer, kBridge)->mtu == 1450);

  set_up(w.batch, absent);
  CHECK_THROWS_WITH(w.outer.send_or_throw(w.batch), "link absent: set up: No such device");
}

TEST_CASE("an accepted error counts as success", "[kernel][netlink]") {
  World w;
  set_up(w.batch, net::IfName::parse("absent"));
  w.batch.accept(ENODEV);
  CHECK(w.outer.send(w.batch).empty());
}

TEST_CASE("what a kernel does not support is told as such", "[kernel][netlink]") {
  for (const int err : {EOPNOTSUPP, EAFNOSUPPORT, EPROTONOSUPPORT}) {
    try {
      refuse({0, err, "x"});
    } catch (const base::Error& e) {
      CHECK(e.code == base::Code::kernel_lacks);
    }
  }
  CHECK_THROWS_AS(Socket::open(static_cast<Protocol>(31)), base::Error);
}

TEST_CASE("a batch of hundreds is one send, and each of its acks is heard", "[kernel][netlink]") {
  World w;
  w.make_bridge();
  for (std::uint32_t i = 0; i < 500; ++i) set_link(w.batch, kBridge, 1300 + i, nullptr, std::nullopt, std::nullopt);
  CHECK(w.outer.send(w.batch).empty());
  CHECK(get_link(w.outer, kBridge)->mtu == 1799);
}

TEST_CASE("a receive buffer that overflows: all is done, what is not known says so, and the next call is right",
          "[kernel][netlink]") {
  World w;
  w.make_bridge();
  const int tiny = 2048;
  REQUIRE(::setsockopt(w.outer.fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny) == 0);
  for (std::uint32_t i = 0; i < 300; ++i) set_link(w.batch, kBridge, 1300 + i, nullptr, std::nullopt, std::nullopt);
  const auto refused = w.outer.send(w.batch);
  CHECK(!refused.empty());
  CHECK(refused.size() < 300);
  for (const Refusal& refusal : refused) CHECK(refusal.err == EAGAIN);
  CHECK(witness("tr0")["mtu"] == 1599);
  CHECK(get_link(w.outer, kBridge)->mtu == 1599);
  CHECK_THROWS_AS(refuse(refused.front()), base::Error);
}

TEST_CASE("forged and stray answers are not taken for the kernel's", "[kernel][netlink]") {
  World w;
  w.make_bridge();
  sockaddr_nl own{};
  socklen_t size = sizeof own;
  REQUIRE(::getsockname(w.outer.fd(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
  const base::Fd forger(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } forged{};
  forged.header = {sizeof forged, NLMSG_ERROR, 0, 0, own.nl_pid};
  forged.error.error = -EPERM;
  // All the sequence numbers that come next.
  for (std::uint32_t ahead = 1; ahead < 8; ++ahead) {
    forged.header.nlmsg_seq = w.outer.next_sequence() + 1;
    REQUIRE(::sendto(forger.get(), &forged, sizeof forged, 0, reinterpret_cast<sockaddr*>(&own), size) ==
            sizeof forged);
    if (ahead % 3 == 0) CHECK(get_link(w.outer, kBridge)->name == "tr0");
    if (ahead % 3 == 1) {
      set_up(w.batch, kBridge);
      CHECK(w.outer.send(w.batch).empty());
    }
    if (ahead % 3 == 2) CHECK(dump_links(w.outer).size() == 2);
  }
  // An answer that nobody waited for stays in the queue and is not mixed up with the next one.
  Batch stray;
  static_cast<ifinfomsg*>(stray.begin(RTM_GETLINK, 0, sizeof(ifinfomsg), "stray"))->ifi_index = 1;
  REQUIRE(::send(w.outer.fd(), stray.bytes().data(), stray.bytes().size(), 0) > 0);
  CHECK(get_link(w.outer, kBridge)->name == "tr0");
  CHECK_FALSE(get_link(w.outer, net::IfName::parse("absent")));
}

TEST_CASE("a dump whose reader fails is read to its end, and the socket goes on", "[kernel][netlink]") {
  World w;
  must_run("for i in $(seq 200); do echo link add b$i type bridge; done | ip -batch -");
  Batch batch;
  batch.begin(RTM_GETLINK, NLM_F_DUMP, sizeof(ifinfomsg), "list links");
  int seen = 0;
  CHECK_THROWS_AS(w.outer.dump(
                      batch, [] {},
                      [&](const nlmsghdr&) {
                        if (++seen == 3) throw base::Error(base::Code::bug, "enough");
                      }),
                  base::Error);
  CHECK(seen == 3);
  CHECK(dump_links(w.outer).size() == 201);
}

TEST_CASE("a list of links is complete while others come and go", "[kernel][netlink]") {
  World w;
  must_run("for i in $(seq 200); do echo link add b$i type bridge; done | ip -batch -");
  const pid_t churner = ::fork();
  REQUIRE(churner >= 0);
  if (churner == 0) {
    Socket own = route_socket(w.host.netns());
    for (;;) {
      Batch batch;
      plan::Bridge churn = kBridgeStep;
      add_bridge(batch, churn);
      own.send(batch);
      if (const auto link = get_link(own, kBridge)) delete_link(batch, link->index, link->name);
      own.send(batch);
    }
  }
  int complete = 0, given_up = 0, restarts = 0;
  for (int i = 0; i < 100; ++i) {
    Batch batch;
    batch.begin(RTM_GETLINK, NLM_F_DUMP, sizeof(ifinfomsg), "list links");
    int ours = 0;
    const auto restart = [&] {
      ++restarts;
      ours = 0;
    };
    try {
      w.outer.dump(batch, restart,
                   [&](const nlmsghdr& message) { ours += read_link(message)->name.front() == 'b' ? 1 : 0; });
      if (ours == 200) ++complete;
    } catch (const base::Error& e) {
      given_up += e.code == base::Code::try_again ? 1 : 0;
    }
  }
  ::kill(churner, SIGKILL);
  ::waitpid(churner, nullptr, 0);
  CAPTURE(complete, given_up, restarts);
  CHECK(complete + given_up == 100);       // never a list with a hole
  CHECK(complete >= (in_vm() ? 50 : 95));  // an emulated processor is slower than the churner on the other one
  CHECK(restarts > 0);                     // else this test has seen nothing
}

TEST_CASE("a socket stays in the namespace it was opened in, and tells which one that is", "[kernel][netlink]") {
  World w;
  w.make_bridge();
  CHECK(w.outer.netns_cookie() == own_cookie());
  CHECK(w.inner.netns_cookie() != own_cookie());
  CHECK_FALSE(get_link(w.inner, kBridge));
  const Inside inside(w.pod.netns());
  CHECK(w.inner.netns_cookie() == own_cookie());
  CHECK(get_link(w.outer, kBridge));
}

}  // namespace

}  // namespace trestle::test
