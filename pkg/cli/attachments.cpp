#include "cli/attachments.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "app/attachment.h"
#include "app/shared.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/joined.h"
#include "engine/verify.h"

namespace trestle::cli {

using base::Code;
using base::Error;
using store::Record;

namespace {

constexpr std::size_t kLeastPrefix = 4;
constexpr std::uint64_t kSecond = 1000000000U;

bool is_pod(const Record& record, const std::string& word) {
  if (word.empty()) return false;  // whose pod's name the runtime did not tell has ""
  return record.pod == word || (record.pod.size() > word.size() && record.pod.ends_with("/" + word));
}

bool has_host_link(const Record& record, const std::string& word) {
  return std::any_of(record.nics.begin(), record.nics.end(),
                     [&](const store::Nic& nic) { return nic.host_link.str() == word; });
}

bool has_address(const Record& record, const std::string& word) {
  const auto ip = net::Ip::try_parse(word);
  return ip && std::any_of(record.leases.begin(), record.leases.end(),
                           [&](const store::LeaseRef& lease) { return lease.ip == *ip; });
}

bool has_mac(const Record& record, const std::string& word) {
  return std::any_of(record.nics.begin(), record.nics.end(),
                     [&](const store::Nic& nic) { return nic.mac.str() == word; });
}

bool begins_with(const Record& record, const std::string& word) {
  return word.size() >= kLeastPrefix && record.owner.container.starts_with(word);
}

using Test = bool (*)(const Record&, const std::string&);
constexpr Test kTests[] = {[](const Record& record, const std::string& word) { return record.owner.container == word; },
                           is_pod,
                           has_host_link,
                           has_address,
                           has_mac,
                           begins_with};

}  // namespace

Attachments attachments(app::Session& session) {
  Attachments out;
  if (!session.has_store()) return out;
  for (store::RecordFile& file : session.store().list()) {
    if (file.record)
      out.records.push_back(std::move(*file.record));
    else
      out.unreadable.push_back("record " + file.name + ": " + file.why);
  }
  std::sort(out.records.begin(), out.records.end(), [](const Record& a, const Record& b) {
    return std::tie(a.owner.network, pod_of(a), a.owner) < std::tie(b.owner.network, pod_of(b), b.owner);
  });
  std::sort(out.unreadable.begin(), out.unreadable.end());
  return out;
}

const std::string& pod_of(const Record& record) { return record.pod.empty() ? record.owner.container : record.pod; }

std::string name_of(const Record& record) {
  return record.owner.network + ": " + pod_of(record) + " " + record.owner.ifname;
}

std::vector<Record> matching(const std::vector<Record>& records, const std::string& word) {
  for (const Test test : kTests) {
    std::vector<Record> found;
    std::copy_if(records.begin(), records.end(), std::back_inserter(found),
                 [&](const Record& record) { return test(record, word); });
    if (found.empty()) continue;
    std::set<std::string> containers;
    for (const Record& record : found) containers.insert(record.owner.container);
    if (test == std::end(kTests)[-1] && containers.size() > 1)
      throw Error(Code::bad_config,
                  "several containers begin with '" + base::printable(word) + "'; give more of the id",
                  base::join({containers.begin(), containers.end()}, "\n"));
    return found;
  }
  throw Error(Code::bad_config, "nothing is attached under '" + base::printable(word) + "'",
              "a container id, a pod's name, a host link, an address or a MAC names an attachment; 'trestle ps' shows "
              "them all");
}

std::string host_link_of(const store::Nic& nic) { return nic.on_host ? nic.host_link.str() : ""; }

std::string switch_of(const store::Nic& nic) { return nic.bridge == nic.host_link ? "" : nic.bridge.str(); }

Doctor::Doctor(app::Session& session) : session_(session) {
  if (session.has_store()) parts_ = app::parts_in_force(session);
  for (kernel::LinkInfo& link : kernel::dump_links(session.context().route())) {
    const std::string name = link.name;
    links_.emplace(name, std::move(link));
  }
}

Health Doctor::look(const Record& record) {
  Health worst{"ok", ""};
  for (const store::Nic& nic : record.nics)
    if (Health health = look(record, nic); health.word != "ok" && worst.word != "gone") worst = std::move(health);
  if (worst.word != "ok" || record.host_cookie != session_.identity().host_cookie) return worst;
  worst = look_at_shared(record);
  return worst.word == "ok" ? look_into_pod(record) : worst;
}

Health Doctor::look_at_shared(const Record& record) try {
  for (const store::PartRef& ref : record.parts)
    for (const store::Part& part : parts_) {
      if (!part.ready || ref != store::PartRef{part.bridge, part.digest}) continue;  // one is being made just now
      const auto [known, asked] = shared_.try_emplace(part.digest);
      if (asked)
        if (const auto defects = engine::verify(session_.context(), part.steps); !defects.empty())
          known->second = defects.front().text;
      if (!known->second.empty()) return {"degraded", known->second};
    }
  return {"ok", ""};
} catch (const Error& e) {
  return {"degraded", e.what()};
}

Health Doctor::look_into_pod(const Record& record) try {
  std::vector<plan::Step> steps;  // the pairs are there for their ends' names alone: KubeVirt gives them others
  const auto is_pair = [](const plan::Step& step) { return std::holds_alternative<plan::Veth>(step); };
  std::ranges::copy_if(record.plan, std::back_inserter(steps), [&](const plan::Step& step) {
    return is_pair(step) || std::holds_alternative<plan::Tap>(step) || std::holds_alternative<plan::Redirect>(step);
  });
  engine::Context context(session_.context().doomed(), session_.context().switches());
  if (std::ranges::all_of(steps, is_pair) || context.enter_pod(record.netns) != record.netns_cookie) return {"ok", ""};
  auto defects = engine::verify(context, steps);
  std::erase_if(defects, [&](const engine::Defect& defect) { return is_pair(steps[defect.step]); });
  // Half of an ADD or DEL looks like damage.
  if (defects.empty() || !app::try_hold_attachment(session_, record.owner)) return {"ok", ""};
  return {"degraded", defects.front().text};
} catch (const Error& e) {
  return {"degraded", e.what()};
}

Health Doctor::look(const Record& record, const store::Nic& nic) {
  const bool alone = nic.bridge == nic.host_link;  // another plugin's, and no port of anything
  if (!nic.on_host) {
    if (!app::alive(session_, record)) return {"gone", "the pod's namespace " + record.netns + " is gone"};
    return {"ok", ""};
  }
  const auto link = links_.find(nic.host_link.str());
  if (link == links_.end()) {
    // The pair goes with either end's namespace: is it the pod that went, or has somebody deleted the link?
    if (!app::alive(session_, record)) return {"gone", "the pod's namespace " + record.netns + " is gone"};
    return {"degraded", "host link " + nic.host_link.str() + " is gone"};
  }
  if (!link->second.up()) return {"down", "host link " + nic.host_link.str() + " is down"};
  if (alone) return {"ok", ""};
  const auto bridge = links_.find(nic.bridge.str());
  if (bridge == links_.end()) return {"degraded", "switch " + nic.bridge.str() + " is gone"};
  if (link->second.master != bridge->second.index)
    return {"degraded", "host link " + nic.host_link.str() + " is no port of switch " + nic.bridge.str()};
  if (!bridge->second.up()) return {"down", "switch " + nic.bridge.str() + " is down"};
  return {"ok", ""};
}

std::uint64_t age_of(const Record& record) {
  const std::uint64_t now = app::boottime();
  return now > record.at ? (now - record.at) / kSecond : 0;
}

namespace {

// A delegate's addresses are no leases of ours: what was answered names them.
std::vector<std::string> answered(const Record& record, const net::IfName& nic) try {
  std::vector<std::string> out;
  const nlohmann::json& interfaces = record.result.at("interfaces");
  for (const nlohmann::json& ip : record.result.at("ips")) {
    const nlohmann::json& interface = interfaces.at(ip.at("interface").get<std::size_t>());
    if (interface.at("name") == nic.str() && !interface.value("sandbox", "").empty())
      out.push_back(ip.at("address").get<std::string>());
  }
  return out;
} catch (const nlohmann::json::exception&) {
  return {};
}

}  // namespace

std::vector<std::string> addresses_of(const Record& record, std::size_t nic) {
  std::vector<std::string> out;
  for (const store::LeaseRef& lease : record.leases) {
    if (lease.nic != nic) continue;
    std::string text = lease.ip.str();
    for (const plan::Step& step : record.plan)
      if (const auto* address = std::get_if<plan::Address>(&step); address && address->cidr.ip == lease.ip)
        text = address->cidr.str();
    out.push_back(std::move(text));
  }
  return out.empty() && nic < record.nics.size() ? answered(record, record.nics[nic].name) : out;
}

std::vector<std::string> addresses_of(const Record& record) {
  std::vector<std::string> out;
  for (std::size_t nic = 0; nic < std::max<std::size_t>(record.nics.size(), 1); ++nic)
    for (std::string& address : addresses_of(record, nic)) out.push_back(std::move(address));
  return out;
}

nlohmann::json nics_json(const Record& record, const std::vector<store::Part>& parts) {
  nlohmann::json out = nlohmann::json::array();
  for (std::size_t i = 0; const store::Nic& nic : record.nics)
    out.push_back({{"name", nic.name.str()},
                   {"addresses", addresses_of(record, i++)},
                   {"mac", nic.mac.str()},
                   {"hostLink", host_link_of(nic)},
                   {"switch", switch_of(nic)},
                   {"mode", joined(parts, record, nic).mode}});
  return out;
}

}  // namespace trestle::cli
