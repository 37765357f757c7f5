#include "app/answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/attachment.h"
#include "app/here.h"
#include "base/error.h"
#include "ipam/range.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

bool routes(const config::NetConf& conf) { return conf.mode == "nat" || conf.mode == "routed"; }

// A range of our own refuses them all; a plugin gave 127.0.0.5, and pod and switch had it.
void refuse_unfit(const config::NetConf& conf, const cni::Result& answer) {
  const std::string whose = "the IPAM plugin '" + conf.ipam.delegate->type + "' gave ";
  for (std::size_t i = 0; i < answer.ips.size(); ++i) {
    const net::Cidr& address = answer.ips[i].address;
    if (const auto why = ipam::unfit(address)) throw Error(Code::delegate, whose + address.str() + ": it " + *why);
    for (std::size_t j = 0; j < i; ++j)
      if (answer.ips[j].address.ip == address.ip) throw Error(Code::delegate, whose + address.ip.str() + " twice");
  }
}

// Those of one NIC, its own leases of ours among them.
bool has(const store::Record& record, const net::IfName& nic, const net::Ip& ip) try {
  const nlohmann::json& interfaces = record.result.at("interfaces");
  for (const nlohmann::json& one : record.result.at("ips")) {
    const nlohmann::json& interface = interfaces.at(one.at("interface").get<std::size_t>());
    if (interface.at("name") == nic.str() && net::Cidr::parse(one.at("address").get<std::string>()).ip == ip)
      return true;
  }
  return false;
} catch (const std::exception&) {
  return false;  // damaged; or of a version that knew no such thing
}

const store::Nic* holder(const store::Record& record, const std::string& segment, const net::Ip& ip) {
  for (const store::Nic& nic : record.nics)
    if (store::segment_of(record, nic) == segment && has(record, nic.name, ip)) return &nic;
  return nullptr;
}

}  // namespace

std::optional<net::Ip> gateway_of(const config::NetConf& conf, const cni::ResultIp& ip) {
  if (ip.gateway == ip.address.ip)
    throw Error(Code::delegate, "the delegated IPAM gave " + ip.address.str() + " with itself as the gateway");
  if (ip.gateway || !routes(conf)) return ip.gateway;
  if (ip.address.length + 1 >= ip.address.ip.bits())
    throw Error(Code::delegate, "the delegated IPAM gave " + ip.address.str() +
                                    " without a gateway, and there is no room for one in it");
  net::Ip first = ip.address.first();
  ++first.value;
  if (first == ip.address.ip)
    throw Error(Code::delegate, "the delegated IPAM gave " + ip.address.str() +
                                    ", which is the gateway's own address, and no other gateway");
  return first;
}

config::NetConf with_answer(const config::NetConf& conf, const cni::Result& answer) {
  refuse_unfit(conf, answer);
  config::NetConf out = conf;
  for (const cni::ResultIp& ip : answer.ips) ipam::add_network(out.ipam.ranges, ip.address, gateway_of(conf, ip));
  out.ipam.routes = answer.routes;
  if (out.dns.empty()) out.dns = answer.dns;
  return out;
}

void refuse_held(Session& session, const store::Record& record, std::size_t nic, const config::NetConf& conf,
                 const cni::Result& answer) {
  const std::string by = " that the IPAM plugin '" + conf.ipam.delegate->type + "' gave is ";
  for (const net::Ip& lan : held_on_lan(session.context(), conf))
    for (const cni::ResultIp& ip : answer.ips)
      if (ip.address.ip == lan)
        throw Error(Code::held, "address " + lan.str() + by + "the host's own or its router's; give the pod another");
  const std::string& segment = store::segment_of(record, record.nics.at(nic));
  for (const store::RecordFile& file : session.store().list()) {
    if (!file.record || file.record->owner == record.owner || file.record->host_cookie != record.host_cookie) continue;
    const store::Record& other = *file.record;
    if (!record.vm.empty() && other.vm == record.vm) continue;  // it migrates, and takes its addresses along
    for (const cni::ResultIp& ip : answer.ips) {
      const store::Nic* theirs = holder(other, segment, ip.address.ip);
      if (theirs == nullptr || !alive(session, other)) continue;
      throw Error(Code::held, "address " + ip.address.ip.str() + by + "held on switch " + theirs->bridge.str() +
                                  " by container " + other.owner.container + "/" + theirs->name.str() +
                                  " of network '" + other.owner.network + "'; give the pod another, or DEL that one");
    }
  }
}

}  // namespace trestle::app
