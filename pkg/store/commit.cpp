// From a reservation to a record on disk. What is changed is undone when anything fails; what a kill leaves is a dirty segment, refs
// and markers without a record, which the next to come sees through.
#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/allocate.h"
#include "store/clock.h"
#include "store/store_impl.h"

namespace trestle::store {
namespace {

std::string who(const net::Owner& owner) { return owner.network + "/" + owner.container + "/" + owner.ifname; }

// Undone newest first on every way out but success.
class Undo {
 public:
  ~Undo() {
    for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
      try {
        (*it)();
      } catch (const std::exception&) {  // the cause of the failure is on its way already
      }
    }
  }
  std::vector<std::function<void()>> steps;
};

}  // namespace

Census DirectoryStore::census() const {
  (void)records();
  return take_census(records_);
}

std::string DirectoryStore::holder(const std::string& segment, const net::Ip& ip) const {
  bool damaged = false;
  for (const RecordFile& file : list()) {
    if (!file.record) {
      damaged = true;
      continue;
    }
    const LeaseRef wanted{segment, ip};
    const auto& leases = file.record->leases;
    if (std::find(leases.begin(), leases.end(), wanted) != leases.end()) return who(file.record->owner);
  }
  return damaged ? "an attachment whose record is damaged" : "";
}

std::string DirectoryStore::holder_of_mac(std::uint64_t owner_hash, const net::Mac& mac) const {
  const auto file = load(owner_hash);
  if (!file) return "";
  if (!file->record) return "an attachment whose record " + file->name + " is damaged";
  const auto& nics = file->record->nics;
  const bool has = std::any_of(nics.begin(), nics.end(), [&](const Nic& nic) { return nic.mac == mac; });
  return has ? who(file->record->owner) : "";
}

std::vector<plan::LeasedIp> DirectoryStore::allocated(Segment& segment, const Reservation& reservation,
                                                      std::uint64_t owner) const {
  const auto holds = [&](const net::Ip& ip) { return holder(segment.name(), ip); };
  for (;;) {
    if (segment.in_doubt()) segment.rebuild(census());
    auto leased = allocate(segment, reservation, leases_of_kin(segment, reservation, owner), holds);
    if (!segment.in_doubt()) return leased;
  }
}

plan::Lease DirectoryStore::peek(const Reservation& reservation) const {
  const Lock held = lock();
  Segment segment(root_, reservation.segment, boottime());
  const auto ips = allocated(segment, reservation, 0);
  return {ips, reservation.mac.value_or(net::Mac{}), reservation.mac || !segment.macs_follow()};
}

PoolUse DirectoryStore::use(const std::string& name, const ipam::RangeSet& set) const {
  const Lock held = lock();
  Segment segment(root_, name, boottime());
  if (segment.in_doubt()) segment.rebuild(census());
  Segment::Count n = segment.count(set);
  if (segment.in_doubt()) {
    segment.rebuild(census());
    n = segment.count(set);
  }
  return {ipam::capacity(set), n.used, n.resting};
}

// nullopt: all are the owner's now. Else who has one of them.
std::optional<std::string> DirectoryStore::claim_macs(Segment& segment, const Record& record, std::uint64_t owner,
                                                      std::vector<std::function<void()>>& undo) const {
  for (const Nic& nic : record.nics) {
    const net::Mac mac = nic.mac;
    if (mac == net::Mac{}) continue;
    if (const auto other = segment.claim_mac(mac, owner)) {
      const std::string name = holder_of_mac(*other, mac);
      if (!name.empty() && is_kin(segment, record, nic, owner, *other)) continue;
      if (name.empty()) segment.drop_mac(mac, *other);
      if (!name.empty() || segment.claim_mac(mac, owner))
        return "MAC " + mac.str() + " is held by " +
               (name.empty() ? "a record that is gone; its marker cannot be removed" : name);
    }
    undo.emplace_back([&segment, mac, owner] { segment.drop_mac(mac, owner); });
  }
  return std::nullopt;
}

void DirectoryStore::write_commit(Segment& segment, const Record& record, std::uint64_t owner,
                                  std::vector<std::function<void()>>& undo) {
  for (const PartRef& part : record.parts) {
    undo.emplace_back([this, part, owner] { (void)parts_.drop_ref(part, owner); });
    parts_.put_ref(part, owner);
  }
  if (!record.vm.empty())
    for (const Nic& nic : record.nics) {
      const net::VmNic vm{record.vm, nic.name.str()};
      undo.emplace_back([&segment, vm, owner] { segment.let_go(vm, owner); });
      segment.hold(vm, owner);
    }
  const Dir& dir = make_records();
  const std::string aside = "." + base::hex(owner, 16) + ".tmp";
  const std::string text = record_text(record);
  if (text.size() > kMaxRecord)
    throw base::Error(base::Code::store, "the record of " + who(record.owner) + " is too large");
  undo.emplace_back([&dir, aside] { (void)dir.unlink(aside); });
  dir.check(dir.write_new(aside, text), "write", aside);
  segment.save();
  dir.check(dir.rename_new(aside, record_file(owner)), "rename to its name", aside);
}

Record DirectoryStore::commit(const net::Owner& owner, const Reservation& reservation, const Complete& complete) {
  const std::uint64_t hash = net::owner_hash(owner);
  const Lock held = lock();
  if (has_record(hash))
    throw base::Error(base::Code::already_attached, "attachment " + who(owner) + " has a record already");
  Segment segment(root_, reservation.segment, boottime());
  constexpr int kTries = 16;
  std::vector<net::Ip> passed_over;
  for (int tried = 1;; ++tried) {
    Undo undo;
    const auto leased = allocated(segment, reservation, hash);
    Record record = complete(leased, reservation.mac || !segment.macs_follow());
    record.owner = owner;
    record.segment = reservation.segment;
    record.vm = reservation.vm ? reservation.vm->vm : std::string();
    record.leases.clear();
    for (const plan::LeasedIp& lease : leased) record.leases.push_back({reservation.segment, lease.cidr.ip});
    segment.prepare();
    if (reservation.mac || leased.empty()) segment.note_other_mac();
    if (const auto conflict = claim_macs(segment, record, hash, undo.steps)) {
      // A derived MAC that somebody asked for before: the next address has another. A requested one is refused.
      const bool fixed = std::any_of(reservation.wants.begin(), reservation.wants.end(),
                                     [](const ipam::Want& want) { return want.wanted.has_value(); });
      if (reservation.mac || fixed || leased.empty() || tried == kTries) throw base::Error(base::Code::held, *conflict);
      for (const plan::LeasedIp& lease : leased) passed_over.push_back(lease.cidr.ip);
      continue;
    }
    for (const net::Ip& ip : passed_over)
      if (std::find(record.leases.begin(), record.leases.end(), LeaseRef{reservation.segment, ip}) ==
          record.leases.end())
        segment.release(ip);
    write_commit(segment, record, hash, undo.steps);
    undo.steps.clear();
    segment.done();
    return record;
  }
}

void DirectoryStore::rewrite(const Record& record) {
  const std::uint64_t hash = net::owner_hash(record.owner);
  const Lock held = lock();
  const auto there = load(hash);
  if (!there) throw base::Error(base::Code::store, "attachment " + who(record.owner) + " has no record to rewrite");
  Record changed = record;
  if (there->record) {
    changed.leases = there->record->leases;
    changed.segment = there->record->segment;
    changed.vm = there->record->vm;
  }
  for (const PartRef& part : changed.parts) parts_.put_ref(part, hash);  // before the record that needs it, as commit()
  const std::string file = record_file(hash);
  records()->check(records()->replace(file, record_text(changed)), "write", file);
}

}  // namespace trestle::store
