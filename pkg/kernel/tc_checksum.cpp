#include "kernel/tc_checksum.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_csum.h>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <string>

#include "kernel/attrs.h"

namespace trestle::kernel {

namespace {

constexpr std::uint16_t kPriority = 0x7472;  // "tr"
constexpr std::uint32_t kQdisc = 0xffffU << 16;
constexpr std::uint32_t kEgress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
                        kIngress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
constexpr int kGone[] = {ENOENT, EINVAL};  // no such filter, no such qdisc

tcmsg* begin_tc(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t index, std::string label) {
  auto* header = static_cast<tcmsg*>(batch.begin(type, flags, sizeof(tcmsg), std::move(label)));
  header->tcm_ifindex = static_cast<int>(index);
  return header;
}

void begin_qdisc(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t index, std::string label) {
  tcmsg* header = begin_tc(batch, type, flags, index, std::move(label));
  header->tcm_parent = TC_H_CLSACT;
  header->tcm_handle = kQdisc;
  if (type == RTM_NEWQDISC) batch.put_text(TCA_KIND, "clsact");
}

tcmsg* begin_filter(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t index, std::string label) {
  tcmsg* header = begin_tc(batch, type, flags, index, std::move(label));
  header->tcm_parent = kEgress;
  header->tcm_info = TC_H_MAKE(static_cast<std::uint32_t>(kPriority) << 16, __builtin_bswap16(ETH_P_IP));
  batch.put_text(TCA_KIND, "u32");
  return header;
}

// UDP to port 68, behind an IPv4 header without options, and no fragment.
std::string to_dhcp_clients() {
  struct Key {
    std::uint32_t mask, value;
    int offset;
  };
  constexpr Key kKeys[] = {
      {0x0f000000, 0x05000000, 0}, {0x00001fff, 0, 4}, {0x00ff0000, 0x00110000, 8}, {0xffff, 68, 20}};
  tc_u32_sel head{};
  head.flags = TC_U32_TERMINAL;
  head.nkeys = static_cast<unsigned char>(std::size(kKeys));
  std::string out(reinterpret_cast<const char*>(&head), sizeof head);
  for (const Key& key : kKeys) {
    tc_u32_key one{};
    one.mask = __builtin_bswap32(key.mask);
    one.val = __builtin_bswap32(key.value);
    one.off = key.offset;
    out.append(reinterpret_cast<const char*>(&one), sizeof one);
  }
  return out;
}

// Calls `each` for the filters of one side, with their attributes.
template <class F>
void for_filters(Socket& socket, std::uint32_t index, std::uint32_t parent, F&& each) {
  Batch batch;
  begin_tc(batch, RTM_GETTFILTER, NLM_F_DUMP, index, "list filters")->tcm_parent = parent;
  for (const int none : kGone) batch.accept(none);
  socket.dump(
      batch, [] {},
      [&](const nlmsghdr& message) {
        if (const auto header = header_of<tcmsg>(message)) each(*header, Attrs::of(message, sizeof(tcmsg)));
      });
}

// Its handle; 0: there is none. Another's may have the same priority.
std::uint32_t our_filter(Socket& socket, std::uint32_t index) {
  const std::string keys = to_dhcp_clients();
  std::uint32_t handle = 0;
  for_filters(socket, index, kEgress, [&](const tcmsg& filter, const Attrs& attrs) {
    const Attrs options = attrs.nest(TCA_OPTIONS);
    if (filter.tcm_info >> 16 == kPriority && options.view(TCA_U32_SEL) == keys &&
        options.nest(TCA_U32_ACT).nest(1).text(TCA_ACT_KIND) == "csum")
      handle = filter.tcm_handle;
  });
  return handle;
}

bool has_filters(Socket& socket, std::uint32_t index) {
  bool any = false;
  for (const std::uint32_t side : {kEgress, kIngress})
    for_filters(socket, index, side, [&](const tcmsg&, const Attrs&) { any = true; });
  return any;
}

}  // namespace

void fill_dhcp_checksums(Batch& batch, std::uint32_t index, const net::IfName& name) {
  const std::string link = "link " + name.str() + ": ";
  begin_qdisc(batch, RTM_NEWQDISC, NLM_F_CREATE, index, link + "what leaves (qdisc clsact)");
  begin_filter(batch, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, link + "checksums (filter u32, action csum)");
  const std::size_t options = batch.open_nest(TCA_OPTIONS);
  const std::size_t actions = batch.open_nest(TCA_U32_ACT);
  const std::size_t first = batch.open_nest(1);
  batch.put_text(TCA_ACT_KIND, "csum");
  const std::size_t action = batch.open_nest(TCA_ACT_OPTIONS);
  tc_csum parms{};
  parms.action = TC_ACT_OK;
  parms.update_flags = TCA_CSUM_UPDATE_FLAG_IPV4HDR | TCA_CSUM_UPDATE_FLAG_UDP;
  batch.put(TCA_CSUM_PARMS, &parms, sizeof parms);
  batch.close_nest(action);
  batch.close_nest(first);
  batch.close_nest(actions);
  batch.put(TCA_U32_SEL, to_dhcp_clients());
  batch.close_nest(options);
}

bool fills_dhcp_checksums(Socket& socket, std::uint32_t index) { return our_filter(socket, index) != 0; }

bool has_checksum_action(Socket& socket) {
  Batch batch;
  batch.begin(RTM_GETACTION, 0, sizeof(tcamsg), "look up action csum");
  const std::size_t all = batch.open_nest(TCA_ACT_TAB);
  const std::size_t first = batch.open_nest(1);
  batch.put_text(TCA_ACT_KIND, "csum");
  batch.put_u32(TCA_ACT_INDEX, 0x7fffffff);
  batch.close_nest(first);
  batch.close_nest(all);
  // EINVAL: an action of that kind is not known; ENOENT: it is, and none has this number.
  for (const Refusal& refusal : socket.send(batch)) return refusal.err == ENOENT;
  return true;
}

void leave_dhcp_checksums(Socket& socket, std::uint32_t index, const net::IfName& name) {
  const std::uint32_t handle = our_filter(socket, index);
  if (handle == 0) return;
  Batch batch;
  begin_filter(batch, RTM_DELTFILTER, 0, index, "link " + name.str() + ": remove filter")->tcm_handle = handle;
  for (const int absent : kGone) batch.accept(absent);
  socket.send_or_throw(batch);
}

void remove_empty_clsact(Socket& socket, std::uint32_t index, const net::IfName& name) {
  if (has_filters(socket, index)) return;
  Batch batch;
  begin_qdisc(batch, RTM_DELQDISC, 0, index, "link " + name.str() + ": remove qdisc clsact");
  for (const int absent : kGone) batch.accept(absent);
  socket.send_or_throw(batch);
}

}  // namespace trestle::kernel
