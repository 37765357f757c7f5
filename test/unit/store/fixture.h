#pragma once
// A store in a directory of its own, and short ways to say what a test wants of it.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipam/range.h"
#include "store/store.h"

namespace trestle::store::test {

// A new directory in memory where there is /dev/shm, removed with all that is in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline const Identity kHere{"11111111-2222-3333-4444-555555555555", 4026531840U};

// "10.88.0.0/24" -> its usual pool.
ipam::RangeSet pool(const std::string& subnet);
net::Owner pod(int n, const std::string& network = "demo");
net::IfName bridge(const std::string& name = "trdemo");

struct Ask {
  std::vector<ipam::Want> wants;
  std::optional<std::string> mac;  // requested
  std::string segment = "trdemo";
  std::vector<PartRef> parts = {};
};
// A record as an ADD makes it, with a plan in which the addresses stand as well.
Record make_record(const net::Owner& owner, const std::vector<plan::LeasedIp>& ips, const net::Mac& mac,
                   const Ask& ask);
Record add(Store& store, const net::Owner& owner, const Ask& ask);
// The address of an attachment that wants one of `set`.
std::string add_ip(Store& store, int n, const ipam::RangeSet& set);
std::string add_ip(Store& store, int n, const ipam::RangeSet& set, const std::string& wanted);

// What `body` throws as an Error: "103: address …"; "" when it throws nothing.
std::string error_of(const std::function<void()>& body);

std::string read_text(const std::string& path);
void write_text(const std::string& path, const std::string& text);
// Paths below `dir` of all regular files, relative to it, sorted.
std::vector<std::string> files_below(const std::string& dir);
// Every address of every readable record, as "segment ip"; sorted, duplicates kept.
std::vector<std::string> all_leases(const Store& store);

// Runs `body` in a child and waits; false: it failed. `body` must not use Catch.
bool in_child(const std::function<void()>& body);
pid_t start_child(const std::function<void()>& body);
bool child_succeeded(pid_t pid);

// The clock of the store under the test's hand, while it lives.
class FakeClock {
 public:
  FakeClock();
  ~FakeClock();
  void advance_seconds(double seconds);
};

}  // namespace trestle::store::test
