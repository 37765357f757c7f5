#include "kernel/tc.h"

#include <catch2/catch.hpp>
#include <cerrno>

#include "kernel_world.h"

namespace trestle::test {

namespace {

using namespace trestle::kernel;
using Catch::Contains;

const net::IfName kIfb = net::IfName::parse("ifbabc");
const plan::Shape kShape{kHostEnd, kIfb, {8'000'000, 800'000}, {8'000'000, 800'000}, 0x40000002, 1400, "net/pod/eth0"};
const Bucket kBucket = bucket_of(kShape.ingress, kShape.mtu);

struct Shaped : World {
  std::uint32_t link = 0, ifb = 0;
  Shaped() {
    make_bridge();
    make_veth();
    link = index_of(outer, kHostEnd);
    add_ifb(batch, kShape);
    dress_ifb(batch, kShape);
    outer.send_or_throw(batch);
    ifb = index_of(outer, kIfb);
  }
  void set(const Bucket& bucket) {
    set_bucket(batch, link, kHostEnd, bucket);
    outer.send_or_throw(batch);
  }
  std::vector<int> refused() {
    std::vector<int> errors;
    for (const Refusal& refusal : outer.send(batch)) errors.push_back(refusal.err);
    return errors;
  }
};

TEST_CASE("an ifb is born down with its group, silent in IPv6 once it is up", "[kernel][tc]") {
  Shaped w;
  const auto born = witness("ifbabc");
  CHECK(born["linkinfo"]["info_kind"] == "ifb");
  CHECK(born["group"] == "1073741826");
  CHECK(born["mtu"] == 1400);
  CHECK(born["ifalias"] == "net/pod/eth0");
  CHECK_FALSE(get_link(w.outer, kIfb)->up());
  set_up(w.batch, kIfb);
  w.outer.send_or_throw(w.batch);
  CHECK(run("ip -br -6 addr show dev ifbabc scope link").out.find("fe80") == std::string::npos);
  add_ifb(w.batch, kShape);
  CHECK(w.refused() == std::vector<int>{EEXIST});
}

TEST_CASE("a limit is made, read back as it was written, and changed in place", "[kernel][tc]") {
  Shaped w;
  CHECK_FALSE(get_qdisc(w.outer, w.link, Side::root));
  for (const Bucket& bucket : {kBucket, kBucket, bucket_of({1'000'000'000'000, 80'000'000}, 1400),
                               bucket_of({9, 8}, 1400), bucket_of({50'000'000'000, 0xffffffffULL * 8}, 1400)}) {
    w.set(bucket);
    const auto found = get_qdisc(w.outer, w.link, Side::root);
    REQUIRE(found);
    REQUIRE(found->bucket);
    CAPTURE(found->bucket->rate, found->bucket->burst, found->bucket->limit);
    CHECK(holds(*found->bucket, bucket));
    CHECK(found->str() == "tbf 7472:");
  }
  set_up(w.batch, kHostEnd);
  w.outer.send_or_throw(w.batch);
  CHECK(get_qdisc(w.outer, w.link, Side::root));  // the default one does not take its place
}

TEST_CASE("a root qdisc that another put there is refused, told and left", "[kernel][tc]") {
  Shaped w;
  if (GENERATE(true, false)) set_up(w.batch, kHostEnd);
  w.outer.send(w.batch);
  must_run("tc qdisc add dev vethabc root handle 9: htb");
  set_bucket(w.batch, w.link, kHostEnd, kBucket);
  CHECK(w.refused() == std::vector<int>{EEXIST});
  const auto found = get_qdisc(w.outer, w.link, Side::root);
  REQUIRE(found);
  CHECK(found->str() == "htb 9:");
  CHECK_FALSE(found->bucket);
  must_run("tc qdisc del dev vethabc root && tc qdisc add dev vethabc root handle 7472: htb");
  set_bucket(w.batch, w.link, kHostEnd, kBucket);
  CHECK(w.refused() == std::vector<int>{EINVAL});
}

TEST_CASE("a redirect is made once, however often it is asked for, beside the filters of others", "[kernel][tc]") {
  Shaped w;
  CHECK_FALSE(redirected_to(w.outer, w.link));
  for (int i = 0; i < 3; ++i) {
    redirect_ingress(w.batch, w.link, kHostEnd, w.ifb);
    w.outer.send_or_throw(w.batch);
    CHECK(redirected_to(w.outer, w.link) == w.ifb);
    if (i == 0)
      must_run(
          "tc filter add dev vethabc parent ffff: prio 7 protocol ip u32 match u32 0 0 action mirred egress mirror "
          "dev ifbabc");
  }
  CHECK(must_run("tc filter show dev vethabc parent ffff: | grep -c 'Redirect to device ifbabc'") == "1\n");
  CHECK(must_run("tc filter show dev vethabc parent ffff: | grep -c 'Mirror to device ifbabc'") == "1\n");
  CHECK(get_qdisc(w.outer, w.link, Side::ingress)->str() == "ingress ffff:");
  must_run("ip link del ifbabc");
  CHECK(redirected_to(w.outer, w.link) == 0);
}

TEST_CASE("an ingress qdisc of another kind is refused and told", "[kernel][tc]") {
  Shaped w;
  must_run("tc qdisc add dev vethabc clsact");
  redirect_ingress(w.batch, w.link, kHostEnd, w.ifb);
  CHECK(w.refused().at(0) == EINVAL);
  CHECK(get_qdisc(w.outer, w.link, Side::ingress)->str() == "clsact ffff:");
}

}  // namespace

}  // namespace trestle::test
