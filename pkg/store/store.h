#pragma once
// The store: a directory of small files (DESIGN section 2). What is on disk below the state directory:
//   lock                                 locks are byte ranges of it (locks.h); never written, never removed
//   host                                 boot id and host namespace cookie: whose kernel objects the records speak of
//   departed                             fixed size: owners whose DEL came when there was no record (departed.h)
//   heal                                 where next_few() goes on
//   records/<owner hash>.json            one per attachment
//   segments/<name hash>/…               used addresses, a cache: rebuilt from the records when in doubt
//   switches/<bridge>/facts              Facts of the living switch
//   switches/<bridge>/<digest>/part.json the Steps of a shared part; `ready` beside it once they were all applied;
//                        …/refs/<owner>  one empty file per attachment that needs the part: removing the directory tells the last
// Nothing slow and no kernel object is touched under the store's lock.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ipam/choose.h"
#include "plan/facts.h"
#include "plan/plan.h"
#include "store/locks.h"
#include "store/record.h"

namespace trestle::store {

// What an attachment asks the store to reserve, in one locked step.
struct Reservation {
  std::string segment;
  std::vector<ipam::Want> wants;      // may be empty (pure L2)
  std::optional<net::Mac> mac;        // requested: refused with Error{held} when another record of the segment has it
  std::optional<net::VmNic> vm = {};  // whose lease and MAC they are: other pods of it hold them too
};

// A part on disk.
struct Part {
  net::IfName bridge;
  std::string digest;
  std::string network;  // of the ADD that made it, for messages
  std::vector<plan::Step> steps;
  bool ready = false;
};

// Fill levels for messages, STATUS and `ps`.
struct PoolUse {
  std::uint64_t capacity = 0, used = 0, resting = 0;
};

struct RecordFile {
  std::string name;                      // owner hash, 16 hex digits
  std::optional<Record> record;          // nullopt: unreadable
  std::string why;                       // then: the reason
  std::optional<net::Owner> owner = {};  // then: whose it is, when its text still tells and its name proves it
};

// A record seen in passing: what self-heal asks of one that is well.
struct Glimpse {
  std::string name;  // owner hash, 16 hex digits
  std::vector<net::IfName> host_links;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual const std::string& directory() const = 0;
  virtual Locks& locks() = 0;

  // --- records -----------------------------------------------------------------------------------------------------------
  // nullopt: there is none. Throws Error{store} when it is there and unreadable.
  virtual std::optional<Record> find(const net::Owner& owner) const = 0;
  virtual bool exists(const net::Owner& owner) const = 0;  // readable or not
  // All of them, in no order; unreadable ones without `record`. Files that vanish meanwhile are skipped.
  virtual std::vector<RecordFile> list() const = 0;
  // How many records there are, without reading them.
  virtual std::size_t count() const = 0;
  // Looks at up to `n` records, going on where the last call stopped, of whichever process, and leaves out unreadable ones (they are
  // GC's). Costs the same however many there are.
  virtual std::vector<Glimpse> next_few(std::size_t n) = 0;
  // The whole of what next_few() saw. nullopt: it is gone by now, or `name` is no record's.
  virtual std::optional<RecordFile> read(const std::string& name) const = 0;

  // Under the store's lock: chooses the addresses, calls `complete` with them (gateways and prefix lengths filled) to get the finished
  // record, and commits refs and record. Throws Error{pool_full} with numbers, Error{held} naming the holder. Nothing is left on failure.
  // A resting address goes back to the MAC that had it; else addresses come round robin. A VM's NIC gets what another pod of the VM holds
  // for it, address and MAC; else what rests for its MAC; else the pool's place that its hash gives, if it is free (ipam::preferred). Throws Error{already_attached} when the owner has
  // a record. `leases`, `segment` and `vm` of the record are filled here. `complete` may be asked again, with other addresses, when the MAC
  // that goes with the first ones is another's.
  // One reservation for each NIC, in the record's order; all or none of them is had.
  // `news` false: every MAC that was in the segment followed from its first address, as this one's must then, so no neighbour can know the
  // first address by another MAC (a requested MAC, a VM's and an attachment without addresses end that for all that come later).
  // `further_news` false: nor the others, because those of every attachment had one place in their subnets, as these have.
  struct Got {
    std::vector<plan::LeasedIp> ips;
    bool news = true, further_news = true;
  };
  using Leased = std::vector<Got>;  // of each NIC
  using CompleteAll = std::function<Record(const Leased&)>;
  virtual Record commit_all(const net::Owner& owner, const std::vector<Reservation>& nics,
                            const CompleteAll& complete) = 0;
  // The same for a single one.
  using Complete = std::function<Record(const std::vector<plan::LeasedIp>&)>;
  Record commit(const net::Owner& owner, const Reservation& nic, const Complete& complete) {
    return commit_all(owner, {nic}, [&](const Leased& leased) { return complete(leased.front().ips); });
  }
  // A record for an attachment that lives though the store has none. The segments learn its addresses. Where there is one, its refs are
  // put back, and where that one was adopted too, it gets the NICs that it lacks: they are found switch by switch.
  virtual void adopt(const Record& record) = 0;
  // Is the directory of the records there? Without it, and with a part that is ready, somebody removed it.
  virtual bool keeps_records() const = 0;
  // What commit() would choose now; writes nothing (trestle plan).
  virtual Leased peek_all(const std::vector<Reservation>& nics) const = 0;
  Got peek(const Reservation& nic) const { return peek_all({nic}).front(); }
  // Replaces a record's text; keeps its leases. Refs of parts that are new to it come first. Throws Error{store} when there is none.
  virtual void rewrite(const Record& record) = 0;
  // Leases that no other pod of the VM holds to rest for 30 s (or freed at once, `rest` false: an ADD that failed never used them), then refs, then the record, last.
  // Works on a full disk. Absent is success. An unreadable record goes too, and segments are marked for rebuilding.
  // Throws Error{store} when something could not be done, after trying everything.
  // `moved`: MACs of VMs that are on another node now: their leases stay theirs.
  virtual void remove(const net::Owner& owner, bool rest, const std::set<net::Mac>& moved) = 0;
  void remove(const net::Owner& owner, bool rest) { remove(owner, rest, {}); }
  virtual void remove_file(const RecordFile& file) = 0;  // the same for GC, where an unreadable record has no owner
  // The records of other pods that hold leases and MACs of this one's VM: what both name must not be undone with one of them. Nobody comes
  // or goes while the caller has the VM's lock. Empty for what is no VM's.
  virtual std::vector<Record> kin(const Record& record) const = 0;
  // The MAC with which a pod of the VM is attached now; nullopt: none is.
  virtual std::optional<net::Mac> mac_of(const std::string& segment, const net::VmNic& vm) const = 0;
  // `used` without those that rest.
  virtual PoolUse use(const std::string& segment, const ipam::RangeSet& set) const = 0;

  // --- shared parts ------------------------------------------------------------------------------------------------------
  virtual std::optional<plan::Facts> facts(const net::IfName& bridge) const = 0;
  virtual void set_facts(const net::IfName& bridge, const plan::Facts& facts) = 0;
  virtual bool part_ready(const PartRef& ref) const = 0;
  // Writes part.json (idempotent) and a ref of `owner`, before the kernel is touched.
  virtual void put_part(const Part& part, const net::Owner& owner) = 0;
  virtual void set_ready(const PartRef& ref, bool ready) = 0;
  // All parts on the node; an unreadable one has no steps and is not ready.
  virtual std::vector<Part> parts() const = 0;
  // Has the part no refs any more? Refs without a record are dropped on the way when `verify`: only under the switch's exclusive lock,
  // an ADD has its ref before its record.
  virtual bool part_unused(const PartRef& ref, bool verify) = 0;
  // Every switch with a directory, with parts or (a call was killed) without; the latter's directory goes with remove_empty_switch().
  virtual std::vector<net::IfName> switches() const = 0;
  virtual void remove_empty_switch(const net::IfName& bridge) = 0;
  virtual void remove_part(const PartRef& ref) = 0;  // with facts, when it was the switch's last
  // Refs of `owner` in parts that its record does not name, or though there is no record (killed between the two): removes them, returns
  // their parts. An unreadable record keeps all.
  virtual std::vector<PartRef> drop_stray_refs(const net::Owner& owner) = 0;

  // --- an ADD that is overtaken by its DEL -------------------------------------------------------------------------------------
  // DEL found no record: remember when that DEL began, so that an ADD that began earlier and still runs gives up.
  virtual void mark_departed(const net::Owner& owner) noexcept = 0;
  virtual bool departed_since_start(const net::Owner& owner) const = 0;  // did such a DEL begin after this process?

  // Drops temporary files and refs that kills left, and rebuilds the segments from the records. For GC and repair. Refs of attachments
  // that another call works on are left. Take no store lock around it.
  virtual void sweep() = 0;

  // When to give up waiting for the store's own lock; 15 s after opening unless told.
  virtual void set_deadline(const Deadline& deadline) = 0;
};

// Who we are, read once per process by the caller (pkg/kernel knows the cookie).
struct Identity {
  std::string boot;  // /proc/sys/kernel/random/boot_id
  std::uint64_t host_cookie = 0;
};

// Opens (and makes, 0700 root) the directory. Refused with Error{store}: not a directory, a symlink anywhere below, not root's, group- or
// world-writable. Records of another boot are void and removed. Same boot, other host namespace, records there: Error{store}
// that says to give this host its own stateDir. `read_only` makes nothing and returns nullptr when there is no store, or only
// one of another boot.
std::unique_ptr<Store> open_store(const std::string& directory, const Identity& identity, bool read_only = false);

// Has the place of the store room for one attachment more, and can it be written? Writes nothing. Throws Error{store} with the reason.
void check_room(const std::string& directory);

}  // namespace trestle::store
