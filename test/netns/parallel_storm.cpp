// Many calls at once: nothing is given twice, nobody loses what is theirs, and nothing is left.
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

constexpr std::size_t kAtOnce = 16;

// Does `body(i)` for i in 0..count-1, kAtOnce at a time. Threads are in the namespaces of their maker.
void together(std::size_t count, const std::function<void(std::size_t)>& body) {
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < std::min(kAtOnce, count); ++t)
    threads.emplace_back([&] {
      for (std::size_t i = next++; i < count; i = next++) body(i);
    });
  for (std::thread& thread : threads) thread.join();
}

std::vector<std::unique_ptr<Pod>> pods(std::size_t count) {
  std::vector<std::unique_ptr<Pod>> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(std::make_unique<Pod>("p" + std::to_string(i)));
  return all;
}

std::size_t failures(const std::vector<Answer>& answers) {
  std::size_t failed = 0;
  for (const Answer& answer : answers) {
    if (answer.ok()) continue;
    ++failed;
    UNSCOPED_INFO(told(answer));
  }
  return failed;
}

// Whatever a call answers, it is a CNI answer.
bool well_formed(const Answer& answer) {
  return answer.ok() || (answer.status == 1 && answer.json.is_object() && answer.code() != 0 && answer.code() != 199);
}

json network(std::size_t i) {
  const std::string n = std::to_string(i % 4);
  return other_conf("net" + n, "10." + n + ".0.0/16", {{"bridge", i % 2 == 0 ? "even" : "odd"}});
}

}  // namespace

TEST_CASE("two hundred pods attached and detached sixteen at a time share nothing and leave nothing", "[parallel]") {
  constexpr std::size_t kPods = 200;
  const Node node;
  const auto all = pods(kPods);
  std::vector<Answer> answers(kPods);
  together(kPods, [&](std::size_t i) { answers[i] = node.add(*all[i]); });
  REQUIRE(failures(answers) == 0);
  std::set<std::string> addresses, macs, links;
  for (const Answer& answer : answers) {
    for (const std::string& ip : addresses_of(answer)) addresses.insert(ip);
    macs.insert(mac_of(answer));
    links.insert(host_link_of(answer));
  }
  CHECK(addresses.size() == 2 * kPods);
  CHECK(macs.size() == kPods);
  CHECK(links.size() == kPods);
  CHECK(must_run("ls /sys/class/net/trdemo/brif | wc -l") == std::to_string(kPods) + "\n");
  CHECK(node.command({"check"}).out == "all " + std::to_string(kPods) + " attachments are as configured\n");
  together(kPods, [&](std::size_t i) { answers[i] = node.del(*all[i]); });
  CHECK(failures(answers) == 0);
  CHECK(node.left() == kNothing);
}

TEST_CASE("switches that come and go under a storm of first and last pods serve each of them", "[parallel]") {
  constexpr std::size_t kPods = 8, kRounds = 12;
  const Node node;
  const auto all = pods(kPods);
  std::mutex mutex;
  std::vector<Answer> answers;
  together(kPods, [&](std::size_t i) {
    for (std::size_t round = 0; round < kRounds; ++round) {
      const json conf = network(i + round);
      const Answer added = node.add(*all[i], conf), checked = node.check(*all[i], added, conf),
                   deleted = node.del(*all[i], conf);
      const std::lock_guard lock(mutex);
      for (const Answer& answer : {added, checked, deleted}) answers.push_back(answer);
    }
  });
  CHECK(failures(answers) == 0);
  CHECK(node.left() == kNothing);
}

TEST_CASE("ADD and DEL of the same attachments against each other end with what the last DEL leaves: nothing",
          "[parallel]") {
  constexpr std::size_t kPods = 6, kCalls = 240;
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  const Node node;
  const auto all = pods(kPods);
  std::vector<Answer> answers(kCalls);
  together(kCalls, [&](std::size_t i) {
    std::mt19937 random(seed + static_cast<std::uint32_t>(i));
    const Pod& pod = *all[random() % kPods];
    answers[i] = random() % 2 == 0 ? node.add(pod, network(0)) : node.del(pod, network(0));
  });
  std::size_t attached = 0;
  for (const Answer& answer : answers) {
    CAPTURE(told(answer));
    CHECK(well_formed(answer));
    if (!answer.ok()) CHECK((answer.code() == 104 || answer.code() == 11));
    attached += answer.ok() && !answer.out.empty() ? 1 : 0;
  }
  CHECK(attached > 0);
  CHECK(node.command({"check"}).ok());
  std::vector<Answer> deleted(kPods);
  together(kPods, [&](std::size_t i) { deleted[i] = node.del(*all[i], network(0)); });
  CHECK(failures(deleted) == 0);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a ruleset flushed under parallel ADDs is healed, and repair makes the rest whole", "[parallel]") {
  constexpr std::size_t kPods = 60;
  const Node node;
  const auto all = pods(kPods);
  std::vector<Answer> answers(kPods);
  std::atomic<std::size_t> done{0};
  std::thread vandal([&] {
    for (std::size_t at = kPods / 4; at < kPods; at += kPods / 4) {
      while (done < at) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      run("nft flush ruleset");
    }
  });
  together(kPods, [&](std::size_t i) {
    answers[i] = node.add(*all[i]);
    ++done;
  });
  vandal.join();
  CHECK(failures(answers) == 0);
  CHECK(node.command({"repair"}).ok());
  CHECK(node.command({"check"}).out == "all " + std::to_string(kPods) + " attachments are as configured\n");
  run("nft flush ruleset");  // and DELs on a flushed host
  together(kPods, [&](std::size_t i) { answers[i] = node.del(*all[i]); });
  CHECK(failures(answers) == 0);
  CHECK(node.left() == kNothing);
}

TEST_CASE("GC beside ADDs and DELs takes no attachment that is valid or younger than itself", "[parallel]") {
  constexpr std::size_t kPods = 40;
  const Node node;
  const auto all = pods(kPods);
  json valid = json::array();
  for (const auto& pod : all) valid.push_back({{"containerID", pod->name()}, {"ifname", "eth0"}});
  std::vector<Answer> added(kPods), deleted(kPods), collected;
  std::atomic<bool> over{false};
  std::thread collector([&] {
    while (!over) collected.push_back(node.gc(valid));
  });
  together(kPods, [&](std::size_t i) {
    added[i] = node.add(*all[i]);
    if (i % 2 == 0) deleted[i] = node.del(*all[i]);
  });
  over = true;
  collector.join();
  CHECK(failures(added) == 0);
  CHECK(failures(collected) == 0);
  for (std::size_t i = 0; i < kPods; ++i)
    if (i % 2 == 0)
      CHECK(told(deleted[i]) == "0 ");
    else
      CHECK(told(node.check(*all[i], added[i])) == "0 ");
  CHECK(node.gc(json::array()).ok());
  CHECK(node.left() == kNothing);
}
