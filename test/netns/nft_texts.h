#pragma once
#include <linux/netlink.h>

#include <algorithm>
#include <string>

#include "kernel/nft.h"
#include "modes/rules_text.h"

namespace trestle::test {

inline plan::Rules tables() { return {"tables", modes::tables_text()}; }
inline plan::Rules nat_switch(const std::string& name, bool host_access = true) {
  config::NetConf conf{.cni_version = "1.1.0", .name = name, .bridge = net::IfName::parse(name)};
  conf.host_access.all = host_access;
  return {name, modes::nat_text(conf)};
}

inline plan::Element element(std::vector<plan::Field> key, std::string jump = {}) {
  return {std::move(key), std::move(jump)};
}
inline plan::Field name(const std::string& text) { return net::IfName::parse(text); }
inline plan::Field mac(const std::string& text) { return net::Mac::parse(text); }
inline plan::Field ip(const std::string& text) { return net::Ip::parse(text); }
inline plan::Field cidr(const std::string& text) { return net::Cidr::parse(text); }

inline kernel::Socket netfilter() { return kernel::Socket::open(kernel::Protocol::netfilter); }

// Tables and the switches, in one transaction.
inline kernel::NftBatch::Outcome apply(kernel::Socket& socket, const std::vector<plan::Rules>& rules) {
  kernel::NftBatch batch;
  for (const plan::Rules& some : rules) batch.add_rules(some);
  return batch.send(socket);
}
inline kernel::NftBatch::Outcome add(kernel::Socket& socket, const plan::Elements& elements) {
  kernel::NftBatch batch;
  batch.add_elements(elements);
  return batch.send(socket);
}

inline std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace trestle::test
