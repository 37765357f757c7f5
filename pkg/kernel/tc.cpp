#include "kernel/tc.h"

#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/attrs.h"

namespace trestle::kernel {

namespace {

constexpr std::uint32_t kOurs = 0x7472U << 16;  // "tr": nobody else's root qdisc has this handle
constexpr std::uint32_t kIngress = 0xffffU << 16;
constexpr std::uint16_t kPriority = 0x7472;
constexpr std::uint32_t kHeaders = ETH_HLEN + 4;  // with a VLAN's tag
constexpr std::uint64_t kMost = 0xffffffffU;
constexpr std::uint64_t kWaits = 40;  // 25 ms, per second
constexpr std::uint64_t kTick = 64;   // ns: the unit of the kernel's packet scheduler
constexpr std::uint64_t kSecond = 1'000'000'000;
using U128 = unsigned __int128;

tcmsg* begin_tc(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t index, std::string label) {
  auto* header = static_cast<tcmsg*>(batch.begin(type, flags, sizeof(tcmsg), std::move(label)));
  header->tcm_ifindex = static_cast<int>(index);
  return header;
}

void begin_filter(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t index, std::string label) {
  tcmsg* header = begin_tc(batch, type, flags, index, std::move(label));
  header->tcm_parent = kIngress;
  header->tcm_info = TC_H_MAKE(static_cast<std::uint32_t>(kPriority) << 16, __builtin_bswap16(ETH_P_ALL));
  batch.put_text(TCA_KIND, "u32");
}

void ask_filters(Batch& batch, std::uint32_t index) {
  tcmsg* header = begin_tc(batch, RTM_GETTFILTER, NLM_F_DUMP, index, "list filters");
  header->tcm_parent = kIngress;
  batch.accept(EINVAL);  // no ingress qdisc
  batch.accept(ENOENT);
}

// Does anybody else look at what comes in?
bool filtered_by_others(Socket& socket, std::uint32_t index) {
  Batch batch;
  ask_filters(batch, index);
  bool any = false;
  socket.dump(
      batch, [&] { any = false; },
      [&](const nlmsghdr& message) {
        const auto filter = header_of<tcmsg>(message);
        any = any || !filter || filter->tcm_info >> 16 != kPriority;
      });
  return any;
}

template <class T>
std::optional<T> value(const Attrs& attrs, std::uint16_t type) {
  const auto view = attrs.view(type);
  if (!view || view->size() < sizeof(T)) return std::nullopt;
  T out;
  std::memcpy(&out, view->data(), sizeof out);
  return out;
}

bool takes_all(const Attrs& u32) {
  const auto view = u32.view(TCA_U32_SEL);
  if (!view || view->size() < sizeof(tc_u32_sel)) return false;
  tc_u32_sel selector;
  std::memcpy(&selector, view->data(), sizeof selector);
  return selector.nkeys == 0 && (selector.flags & TC_U32_TERMINAL) != 0;
}

std::uint64_t fill_ticks(const Bucket& bucket) {
  return static_cast<std::uint64_t>(U128{bucket.burst} * kSecond / bucket.rate / kTick);
}

std::optional<Bucket> read_bucket(const Attrs& options) {
  const auto parms = value<tc_tbf_qopt>(options, TCA_TBF_PARMS);
  if (!parms) return std::nullopt;
  const std::uint64_t rate = value<std::uint64_t>(options, TCA_TBF_RATE64).value_or(parms->rate.rate);
  const U128 burst = U128{parms->buffer} * kTick * rate / kSecond;
  return Bucket{rate, static_cast<std::uint32_t>(std::min(burst, U128{kMost})), parms->limit};
}

}  // namespace

Bucket bucket_of(const plan::Rate& rate, std::uint32_t mtu) {
  Bucket out;
  out.rate = std::max<std::uint64_t>(rate.rate / 8, 1);
  out.burst = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(rate.burst / 8, mtu + kHeaders, kMost));
  out.limit = static_cast<std::uint32_t>(std::min(out.burst + out.rate / kWaits, kMost));
  return out;
}

void set_bucket(Batch& batch, std::uint32_t index, const net::IfName& name, const Bucket& bucket) {
  // Neither NLM_F_REPLACE nor NLM_F_EXCL: so the kernel makes what is missing, changes what has this handle, and refuses to put it in the
  // place of another's (__tc_modify_qdisc).
  tcmsg* header = begin_tc(batch, RTM_NEWQDISC, NLM_F_CREATE, index, "link " + name.str() + ": limit (qdisc tbf)");
  header->tcm_parent = TC_H_ROOT;
  header->tcm_handle = kOurs;
  batch.put_text(TCA_KIND, "tbf");
  const std::size_t options = batch.open_nest(TCA_OPTIONS);
  tc_tbf_qopt parms{};
  parms.rate.linklayer = TC_LINKLAYER_ETHERNET;  // else the kernel asks for a table of 256 transmission times
  parms.rate.rate = static_cast<std::uint32_t>(std::min(bucket.rate, kMost));
  parms.limit = bucket.limit;
  batch.put(TCA_TBF_PARMS, &parms, sizeof parms);
  if (bucket.rate > kMost) batch.put(TCA_TBF_RATE64, &bucket.rate, sizeof bucket.rate);
  batch.put_u32(TCA_TBF_BURST, bucket.burst);
  batch.close_nest(options);
}

void redirect_ingress(Batch& batch, std::uint32_t index, const net::IfName& name, std::uint32_t ifb_index) {
  const std::string link = "link " + name.str() + ": ";
  tcmsg* header = begin_tc(batch, RTM_NEWQDISC, NLM_F_CREATE, index, link + "what comes in (qdisc ingress)");
  header->tcm_parent = TC_H_INGRESS;
  header->tcm_handle = kIngress;
  batch.put_text(TCA_KIND, "ingress");

  // An old one may lead to a link that is gone; it cannot be changed in place, because the kernel numbers it.
  begin_filter(batch, RTM_DELTFILTER, 0, index, link + "remove filter");
  for (const int absent : {ENOENT, EINVAL}) batch.accept(absent);

  begin_filter(batch, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, link + "redirect (filter u32, action mirred)");
  const std::size_t options = batch.open_nest(TCA_OPTIONS);
  const std::size_t actions = batch.open_nest(TCA_U32_ACT);
  const std::size_t first = batch.open_nest(1);
  batch.put_text(TCA_ACT_KIND, "mirred");
  const std::size_t action = batch.open_nest(TCA_ACT_OPTIONS);
  tc_mirred parms{};
  parms.action = TC_ACT_STOLEN;
  parms.eaction = TCA_EGRESS_REDIR;
  parms.ifindex = ifb_index;
  batch.put(TCA_MIRRED_PARMS, &parms, sizeof parms);
  batch.close_nest(action);
  batch.close_nest(first);
  batch.close_nest(actions);
  tc_u32_sel all{};  // no key: every frame, however short
  all.flags = TC_U32_TERMINAL;
  batch.put(TCA_U32_SEL, &all, sizeof all);
  batch.close_nest(options);
}

std::string Qdisc::str() const {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string major;
  for (std::uint32_t rest = handle >> 16; rest != 0; rest >>= 4) major.insert(major.begin(), kDigits[rest & 15]);
  return kind + " " + (major.empty() ? "0" : major) + ":";
}

std::optional<Qdisc> get_qdisc(Socket& socket, std::uint32_t index, Side side) {
  Batch batch;
  // Before Linux 6.8 the answer came to the asker only as the echo of a notification.
  tcmsg* header = begin_tc(batch, RTM_GETQDISC, NLM_F_ECHO, index, "look up qdisc");
  header->tcm_parent = side == Side::root ? TC_H_ROOT : TC_H_INGRESS;
  batch.accept(EINVAL);
  const auto answer = socket.get(batch, true);  // there is nothing to tell of a built-in one
  if (!answer) return std::nullopt;
  const auto& message = *reinterpret_cast<const nlmsghdr*>(answer->data());
  const auto found = header_of<tcmsg>(message);
  if (!found || found->tcm_handle == 0) return std::nullopt;
  const Attrs attrs = Attrs::of(message, sizeof(tcmsg));
  Qdisc out{attrs.text(TCA_KIND), found->tcm_handle, {}};
  if (out.kind == "tbf" && out.handle == kOurs) out.bucket = read_bucket(attrs.nest(TCA_OPTIONS));
  return out;
}

bool holds(const Bucket& found, const Bucket& wanted) {
  if (found.rate != wanted.rate || found.limit != wanted.limit) return false;
  const std::uint64_t ticks = fill_ticks(wanted);
  if (ticks >= kMost) return true;  // 275 s to fill: the kernel tells the low bits alone
  const std::uint64_t tick = wanted.rate * kTick / kSecond + 1;
  const std::uint64_t apart = found.burst > wanted.burst ? found.burst - wanted.burst : wanted.burst - found.burst;
  return apart <= 2 * tick;
}

bool has_ingress_filter(Socket& socket, std::uint32_t index) {
  Batch batch;
  ask_filters(batch, index);
  bool any = false;
  socket.dump(
      batch, [&] { any = false; }, [&](const nlmsghdr&) { any = true; });
  return any;
}

std::optional<std::string> filter_before_ours(Socket& socket, std::uint32_t index) {
  Batch batch;
  ask_filters(batch, index);
  std::optional<std::string> first;
  socket.dump(
      batch, [&] { first.reset(); },
      [&](const nlmsghdr& message) {
        const auto filter = header_of<tcmsg>(message);
        const std::uint32_t priority = filter ? filter->tcm_info >> 16 : kPriority;
        if (first || priority >= kPriority) return;
        first = Attrs::of(message, sizeof(tcmsg)).text(TCA_KIND) + ", pref " + std::to_string(priority);
      });
  return first;
}

std::optional<std::uint32_t> redirected_to(Socket& socket, std::uint32_t index) {
  Batch batch;
  ask_filters(batch, index);
  std::optional<std::uint32_t> to;
  socket.dump(
      batch, [&] { to.reset(); },
      [&](const nlmsghdr& message) {
        const auto filter = header_of<tcmsg>(message);
        if (!filter || filter->tcm_info >> 16 != kPriority) return;
        const Attrs options = Attrs::of(message, sizeof(tcmsg)).nest(TCA_OPTIONS);
        if (!takes_all(options)) return;
        const auto parms = value<tc_mirred>(options.nest(TCA_U32_ACT).nest(1).nest(TCA_ACT_OPTIONS), TCA_MIRRED_PARMS);
        if (parms && parms->eaction == TCA_EGRESS_REDIR) to = parms->ifindex;
      });
  return to;
}

void clear_limits(Socket& socket, std::uint32_t index, const net::IfName& name) {
  const auto root = get_qdisc(socket, index, Side::root);
  const bool limited = root && root->bucket;
  if (!limited && !redirected_to(socket, index)) return;
  if (limited) {
    Batch batch;
    tcmsg* header = begin_tc(batch, RTM_DELQDISC, 0, index, "link " + name.str() + ": remove limit");
    header->tcm_parent = TC_H_ROOT;
    header->tcm_handle = kOurs;
    for (const int absent : {ENOENT, ENODEV}) batch.accept(absent);
    socket.send_or_throw(batch);
  }
  clear_redirect(socket, index, name);
}

void clear_redirect(Socket& socket, std::uint32_t index, const net::IfName& name) {
  if (!redirected_to(socket, index)) return;
  const std::string link = "link " + name.str() + ": ";
  Batch batch;
  const auto below = get_qdisc(socket, index, Side::ingress);
  // The qdisc takes the filter with it: one request, because without our filter it cannot be told from another's, and a call that failed
  // between the two left it for good. It may be another's, too, who found ours there.
  if (below && below->kind == "ingress" && !filtered_by_others(socket, index)) {
    tcmsg* header = begin_tc(batch, RTM_DELQDISC, 0, index, link + "remove qdisc ingress");
    header->tcm_parent = TC_H_INGRESS;
    header->tcm_handle = kIngress;
  } else {
    begin_filter(batch, RTM_DELTFILTER, 0, index, link + "remove filter");
  }
  // ENODEV: another plugin's link goes with its pod, at any moment, and took the DEL with it.
  for (const int absent : {ENOENT, EINVAL, ENODEV}) batch.accept(absent);
  socket.send_or_throw(batch);
}

void refuse_tc(const Refusal& refusal) {
  if (refusal.err != ENOENT && refusal.err != EOPNOTSUPP) refuse(refusal);
  throw base::Error(base::Code::kernel_lacks,
                    refusal.label + ": this kernel lacks it; load or build its module, or ask for no bandwidth");
}

}  // namespace trestle::kernel
