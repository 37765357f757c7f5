#include "kernel/fdb.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "kernel/attrs.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

void begin_entry(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t port_index,
                 const plan::Fdb& fdb) {
  auto* header = static_cast<ndmsg*>(batch.begin(type, flags, sizeof(ndmsg), plan::describe(fdb)));
  header->ndm_family = AF_BRIDGE;
  header->ndm_ifindex = static_cast<int>(port_index);
  if (type == RTM_NEWNEIGH) header->ndm_state = NUD_NOARP;  // static; NUD_PERMANENT would make it the bridge's own
  header->ndm_flags = NTF_MASTER;
  batch.put(NDA_LLADDR, fdb.mac.bytes.data(), fdb.mac.bytes.size());
}

}  // namespace

void add_fdb(Batch& batch, std::uint32_t port_index, const plan::Fdb& fdb) {
  begin_entry(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, port_index, fdb);
}

void delete_fdb(Batch& batch, std::uint32_t port_index, const plan::Fdb& fdb) {
  begin_entry(batch, RTM_DELNEIGH, 0, port_index, fdb);
  for (const int absent : {ENOENT, ENODEV}) batch.accept(absent);
}

bool has_fdb(Socket& socket, std::uint32_t port_index, const plan::Fdb& fdb) {
  Batch batch;
  begin_entry(batch, RTM_GETNEIGH, 0, port_index, fdb);
  const auto answer = socket.get(batch);
  if (!answer) return false;
  const auto header = header_of<ndmsg>(*reinterpret_cast<const nlmsghdr*>(answer->data()));
  return header && header->ndm_ifindex == static_cast<int>(port_index) && (header->ndm_state & NUD_NOARP) != 0;
}

}  // namespace trestle::kernel
