#include <catch2/catch.hpp>

#include <linux/netfilter/nf_tables.h>

#include "kernel/nft_answer.h"
#include "kernel/nft_message.h"
#include "plan/plan.h"

using namespace trestle;
using Lines = std::vector<std::string>;

namespace {

const nlmsghdr& message(const kernel::Batch& batch) { return *reinterpret_cast<const nlmsghdr*>(batch.bytes().data()); }

// Through the messages and back.
Lines read_back(std::uint32_t type, bool interval, const std::vector<plan::Element>& elements) {
  kernel::Batch batch;
  kernel::put_elements(batch, NFT_MSG_NEWSETELEM, plan::Table::inet, "s", elements);
  Lines out;
  for (const plan::Element& element :
       kernel::read_elements(kernel::key_parts(type), interval, kernel::raw_elements(message(batch))))
    out.push_back(plan::element_text(element));
  return out;
}

constexpr std::uint32_t kName = 41, kMac = 9, kIp4 = 7, kIp6 = 8;

}  // namespace

TEST_CASE("what was written into a set is read back out of it", "[nft][answer]") {
  const plan::Field veth = net::IfName::parse("veth0");
  CHECK(read_back(kName << 6 | kMac, false, {{{veth, net::Mac::parse("02:00:00:00:00:01")}, {}}}) ==
        Lines{R"("veth0" . 02:00:00:00:00:01)"});
  CHECK(read_back(kName << 12 | kMac << 6 | kIp6, false,
                  {{{veth, net::Mac::parse("02:00:00:00:00:01"), net::Ip::parse("fd88::2")}, {}}}) ==
        Lines{R"("veth0" . 02:00:00:00:00:01 . fd88::2)"});
  CHECK(read_back(kName, false, {{{veth}, "leave-tr0"}}) == Lines{R"("veth0" : jump leave-tr0)"});
}

TEST_CASE("neighbouring prefixes of an interval set are told apart", "[nft][answer]") {
  const auto net = [](const char* text) { return plan::Element{{net::Cidr::parse(text)}, {}}; };
  CHECK(read_back(kIp4, true, {net("10.0.1.0/24"), net("10.0.0.0/24"), net("255.0.0.0/8")}) ==
        Lines{"10.0.0.0/24", "10.0.1.0/24", "255.0.0.0/8"});
  CHECK(read_back(kIp6, true, {net("fd88::/64"), net("ff00::/8")}) == Lines{"fd88::/64", "ff00::/8"});
}

TEST_CASE("what a foreign hand put into a set of ours is left out, not misread", "[nft][answer]") {
  using kernel::RawElement;
  const auto read = [](std::uint32_t type, bool interval, std::vector<RawElement> raw) {
    return kernel::read_elements(kernel::key_parts(type), interval, std::move(raw)).size();
  };
  CHECK(read(kIp4, true, {{std::string("\x0a\0\0\1", 4), false, {}}, {std::string("\x0a\0\0\4", 4), true, {}}}) ==
        0);  // 10.0.0.1-3
  CHECK(read(kIp4, false, {{std::string("\x0a\0", 2), false, {}}}) == 0);
  CHECK(read(kName, false, {{std::string("a/b\0", 4) + std::string(12, '\0'), false, {}}}) == 0);
  CHECK(read(63, false, {{"x", false, {}}}) == 0);
  CHECK(read(0, false, {{"x", false, {}}}) == 0);
}

TEST_CASE("the comment is found among a rule's notes, whatever surrounds it", "[nft][answer]") {
  const auto comment = [](const std::string& notes) {
    kernel::Batch batch;
    kernel::begin_nft(batch, NFT_MSG_NEWRULE, 0, plan::Table::inet);
    batch.put(NFTA_RULE_USERDATA, notes);
    return kernel::rule_comment(kernel::nft_attrs(message(batch)));
  };
  CHECK(comment(std::string("\0\3ab\0", 5)) == "ab");
  CHECK(comment(std::string("\1\4\1\0\0\0\0\3ab\0", 11)) == "ab");
  CHECK(comment(std::string("\0\377ab", 4)) == "ab");  // cut
  CHECK(comment(std::string("\1\377ab", 4)).empty());
  CHECK(comment("").empty());
  CHECK(comment(std::string("\0", 1)).empty());
}
