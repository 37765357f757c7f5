#include "kernel/rule.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "kernel/attrs.h"
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
  batch.put_u8(FRA_PROTOCOL, RTPROT_STATIC);
}

}  // namespace

void add_rule(Batch& batch, const plan::Rule& rule) {
  put_rule(batch, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
  batch.accept(EEXIST);
}

void delete_rule(Batch& batch, const plan::Rule& rule) {
  put_rule(batch, RTM_DELRULE, 0, rule);
  for (const int gone : {ENOENT, ESRCH, EAFNOSUPPORT, EOPNOTSUPP}) batch.accept(gone);
}

bool has_rule(Socket& socket, const plan::Rule& rule) {
  Batch batch;
  auto* header = static_cast<fib_rule_hdr*>(batch.begin(RTM_GETRULE, NLM_F_DUMP, sizeof(fib_rule_hdr), "list rules"));
  header->family = family_of(rule);
  for (const int none : {EAFNOSUPPORT, EOPNOTSUPP}) batch.accept(none);
  bool found = false;
  const std::string from = rule.from.network().ip.bytes();
  socket.dump(
      batch, [&] { found = false; },
      [&](const nlmsghdr& message) {
        const auto seen = header_of<fib_rule_hdr>(message);
        if (!seen || message.nlmsg_type != RTM_NEWRULE || seen->family != family_of(rule)) return;
        if (seen->action != FR_ACT_TO_TBL || seen->src_len != rule.from.length) return;
        const Attrs attrs = Attrs::of(message, sizeof(fib_rule_hdr));
        if (attrs.view(FRA_SRC) == from && attrs.u32(FRA_TABLE) == rule.table &&
            attrs.u32(FRA_PRIORITY).value_or(0) == rule.priority)
          found = true;
      });
  return found;
}

}  // namespace trestle::kernel
