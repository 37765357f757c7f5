#pragma once
// The attachments on this node as a person asks for them.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/session.h"
#include "kernel/link.h"
#include "store/store.h"

namespace trestle::cli {

// Sorted by network, pod, NIC. Unreadable records are not in it but named in `unreadable`: "record 0123…: why".
struct Attachments {
  std::vector<store::Record> records;
  std::vector<std::string> unreadable;
};
Attachments attachments(app::Session& session);  // none when there is no store

// "default/web" when the runtime told the pod's name, else the container id.
const std::string& pod_of(const store::Record& record);
// "demo: default/web eth0", for messages.
std::string name_of(const store::Record& record);

// "" where another plugin's interface has none: no end on the host, no bridge.
std::string host_link_of(const store::Nic& nic);
std::string switch_of(const store::Nic& nic);

// Those that `word` names, by the first of these that finds any: container id, pod ("default/web" or "web"), host link, address, MAC,
// beginning of a container id (4 characters or more). Throws Error{bad_config}: none, or a beginning that several containers share. Pure.
std::vector<store::Record> matching(const std::vector<store::Record>& records, const std::string& word);

// How an attachment is, from a cheap look: one dump of the host's links for all, what a switch's attachments share once per switch, and of
// what is in the pod a guest's TAP alone. What a later plugin of a chain may have changed is not asked for.
struct Health {
  std::string_view word;  // "ok", "gone" (its pod's namespace is), "down", "degraded"
  std::string why;        // "" when ok
};
class Doctor {
 public:
  explicit Doctor(app::Session& session);
  Health look(const store::Record& record);

 private:
  Health look(const store::Record& record, const store::Nic& nic);
  Health look_at_shared(const store::Record& record);
  Health look_into_pod(const store::Record& record);
  app::Session& session_;
  std::vector<store::Part> parts_;
  std::map<std::string, std::string> shared_;  // by digest: what is wrong, or ""
  std::map<std::string, kernel::LinkInfo> links_;
};

// Whole seconds since its ADD.
std::uint64_t age_of(const store::Record& record);

// Its addresses with prefix lengths where the plan tells them: "10.88.0.2/16".
std::vector<std::string> addresses_of(const store::Record& record);
std::vector<std::string> addresses_of(const store::Record& record, std::size_t nic);  // by its place in record.nics

// [{"name":"eth0","addresses":…,"mac":…,"hostLink":…,"switch":…,"mode":…}]; `parts` as joined() wants them.
nlohmann::json nics_json(const store::Record& record, const std::vector<store::Part>& parts);

}  // namespace trestle::cli
