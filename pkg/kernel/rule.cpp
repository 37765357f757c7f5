#include "kernel/rule.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "kernel/attrs.h"
#include "kernel/our_tag.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

std::uint8_t family_of(const plan::Rule& rule) {
  return rule.from.ip.family == net::Family::v4 ? std::uint8_t{AF_INET} : std::uint8_t{AF_INET6};
}

void put_rule(Batch& batch, std::uint16_t type, std::uint16_t flags, const plan::Rule& rule) {
  auto* header = static_cast<fib_rule_hdr*>(batch.begin(type, flags, sizeof(fib_rule_hdr), plan::describe(rule)));
  header->family = family_of(rule);
  header->src_len = rule.from.length;
  header->action = FR_ACT_TO_TBL;
  header->table = static_cast<std::uint8_t>(rule.table < 256 ? rule.table : std::uint32_t{RT_TABLE_COMPAT});
  batch.put(FRA_SRC, rule.from.network().ip.bytes());
  batch.put_u32(FRA_TABLE, rule.table);
  batch.put_u32(FRA_PRIORITY, rule.priority);
}

// Restarted when the rules changed meanwhile.
template <class Restart, class See>
void dump_rules(Socket& socket, net::Family family, Restart restart, See see) {
  const std::uint8_t number = family == net::Family::v4 ? AF_INET : AF_INET6;
  Batch batch;
  auto* header = static_cast<fib_rule_hdr*>(batch.begin(RTM_GETRULE, NLM_F_DUMP, sizeof(fib_rule_hdr), "list rules"));
  header->family = number;
  for (const int none : {EAFNOSUPPORT, EOPNOTSUPP}) batch.accept(none);
  socket.dump(batch, restart, [&](const nlmsghdr& message) {
    const auto seen = header_of<fib_rule_hdr>(message);
    if (seen && message.nlmsg_type == RTM_NEWRULE && seen->family == number)
      see(*seen, Attrs::of(message, sizeof(fib_rule_hdr)));
  });
}

// From an address to a table.
template <class Restart, class See>
void for_each_rule(Socket& socket, net::Family family, Restart restart, See see) {
  dump_rules(socket, family, restart, [&](const fib_rule_hdr& header, const Attrs& attrs) {
    const fib_rule_hdr* const seen = &header;
    if (seen->action != FR_ACT_TO_TBL) return;
    const auto source = attrs.view(FRA_SRC);
    if (!source || source->size() != net::Ip{family, 0}.bytes().size()) return;
    see(plan::Rule{plan::Where::pod,
                   {net::Ip::from_bytes(*source), seen->src_len},
                   attrs.u32(FRA_TABLE).value_or(seen->table),
                   attrs.u32(FRA_PRIORITY).value_or(0)},
        attrs);
  });
}

}  // namespace

void add_rule(Batch& batch, const plan::Rule& rule) {
  put_rule(batch, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
  batch.put_u8(FRA_PROTOCOL, kOurProtocol);
  batch.accept(EEXIST);
}

void delete_rule(Batch& batch, const plan::Rule& rule) {
  put_rule(batch, RTM_DELRULE, 0, rule);
  for (const int gone : {ENOENT, ESRCH, EAFNOSUPPORT, EOPNOTSUPP}) batch.accept(gone);
}

bool has_rule(Socket& socket, const plan::Rule& rule) {
  bool found = false;
  const net::Cidr from = rule.from.network();
  for_each_rule(
      socket, from.ip.family, [&] { found = false; },
      [&](const plan::Rule& seen, const Attrs&) {
        if (seen.from == from && seen.table == rule.table && seen.priority == rule.priority) found = true;
      });
  return found;
}

std::vector<plan::Rule> our_rules(Socket& socket) {
  std::vector<plan::Rule> out;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    std::vector<plan::Rule> found;
    for_each_rule(
        socket, family, [&] { found.clear(); },
        [&](const plan::Rule& seen, const Attrs& attrs) {
          if (attrs.u8(FRA_PROTOCOL) == kOurProtocol) found.push_back(seen);
        });
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

bool rules_name(Socket& socket, const net::IfName& link) {
  bool found = false;
  for (const net::Family family : {net::Family::v4, net::Family::v6})
    dump_rules(
        socket, family, [] {},
        [&](const fib_rule_hdr&, const Attrs& attrs) {
          if (attrs.text(FRA_IIFNAME) == link.str() || attrs.text(FRA_OIFNAME) == link.str()) found = true;
        });
  return found;
}

}  // namespace trestle::kernel
