// From a reservation to a record on disk. What is changed is undone when anything fails; what a kill leaves is a dirty segment, refs
// and markers without a record, which the next to come sees through.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

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

Segment& DirectoryStore::Segments::at(const std::string& name) {
  auto& segment = open_[name];
  if (!segment) segment = std::make_unique<Segment>(root_, name, boottime());
  return *segment;
}

std::vector<plan::LeasedIp> DirectoryStore::allocated(Segment& segment, const Reservation& reservation,
                                                      std::uint64_t owner, const std::vector<net::Ip>& taken) const {
  const auto holds = [&](const net::Ip& ip) { return holder(segment.name(), ip); };
  for (;;) {
    if (segment.in_doubt()) {
      segment.rebuild(census());
      for (const net::Ip& ip : taken) segment.take(ip);
    }
    auto leased = allocate(segment, reservation, leases_of_kin(segment, reservation, owner), holds);
    if (!segment.in_doubt()) return leased;
  }
}

namespace {

std::vector<net::Ip> leases_in(const std::string& segment, const std::vector<Reservation>& nics,
                               const Store::Leased& leased) {
  std::vector<net::Ip> out;
  for (std::size_t i = 0; i < leased.size(); ++i)
    if (nics[i].segment == segment)
      for (const plan::LeasedIp& lease : leased[i].ips) out.push_back(lease.cidr.ip);
  return out;
}

Store::Got seen(const Segment& segment, const Reservation& nic, std::vector<plan::LeasedIp> ips) {
  const bool news = nic.mac || !segment.macs_follow(), further_news = news || !segment.places_follow(ips);
  return {std::move(ips), news, further_news};
}

// Before the record that it is about.
void note(Segment& segment, const Reservation& nic, const std::vector<plan::LeasedIp>& ips) {
  if (nic.mac || ips.empty())
    segment.note_other_mac();
  else
    segment.note_places(ips);
}

}  // namespace

Store::Leased DirectoryStore::peek_all(const std::vector<Reservation>& nics) const {
  const Lock held = lock();
  Segments segments(root_);
  Leased leased;
  for (const Reservation& nic : nics) {
    Segment& segment = segments.at(nic.segment);
    auto ips = allocated(segment, nic, 0, leases_in(nic.segment, nics, leased));
    leased.push_back(seen(segment, nic, std::move(ips)));
  }
  return leased;
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

// nullopt: it is the owner's now. Else who has it.
std::optional<std::string> DirectoryStore::claim_mac(Segment& segment, const Record& record, const Nic& nic,
                                                     std::uint64_t owner) const {
  const auto other = segment.claim_mac(nic.mac, owner);
  if (!other) return std::nullopt;
  const std::string name = holder_of_mac(*other, nic.mac);
  if (!name.empty() && is_kin(segment, record, nic, owner, *other)) return std::nullopt;
  if (name.empty()) segment.drop_mac(nic.mac, *other);
  if (name.empty() && !segment.claim_mac(nic.mac, owner)) return std::nullopt;
  return name.empty() ? "a record that is gone; its marker cannot be removed" : name;
}

// nullopt: all are the owner's now.
std::optional<DirectoryStore::MacConflict> DirectoryStore::claim_macs(Segments& segments, const Record& record,
                                                                      std::uint64_t owner,
                                                                      std::vector<std::function<void()>>& undo) const {
  for (std::size_t i = 0; i < record.nics.size(); ++i) {
    const Nic& nic = record.nics[i];
    const net::Mac mac = nic.mac;
    if (mac == net::Mac{}) continue;
    Segment& segment = segments.at(segment_of(record, nic));
    for (std::size_t j = 0; j < i; ++j)
      if (record.nics[j].mac == mac && segment_of(record, record.nics[j]) == segment.name())
        return MacConflict{i, "MAC " + mac.str() + " is held by NIC " + record.nics[j].name.str() + " of the same pod"};
    if (const auto holder = claim_mac(segment, record, nic, owner))
      return MacConflict{i, "MAC " + mac.str() + " is held by " + *holder};
    undo.emplace_back([&segment, mac, owner] { segment.drop_mac(mac, owner); });
  }
  return std::nullopt;
}

void DirectoryStore::write_commit(Segments& segments, const Record& record, std::uint64_t owner,
                                  std::vector<std::function<void()>>& undo) {
  for (const PartRef& part : record.parts) {
    undo.emplace_back([this, part, owner] { (void)parts_.drop_ref(part, owner); });
    parts_.put_ref(part, owner);
  }
  if (!record.vm.empty())
    for (const Nic& nic : record.nics) {
      const net::VmNic vm{record.vm, nic.name.str()};
      Segment& segment = segments.at(segment_of(record, nic));
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
  for (const auto& [name, segment] : segments.all()) segment->save();
  dir.check(dir.rename_new(aside, record_file(owner)), "rename to its name", aside);
}

namespace {

// What commit() knows better than whoever made the record.
void fill_in(Record& record, const net::Owner& owner, const std::vector<Reservation>& nics,
             const Store::Leased& leased) {
  record.owner = owner;
  record.segment = nics.front().segment;
  record.vm = nics.front().vm ? nics.front().vm->vm : std::string();
  record.leases.clear();
  for (std::size_t i = 0; i < nics.size(); ++i) {
    if (i != 0 && i < record.nics.size() && nics[i].segment != record.segment) record.nics[i].segment = nics[i].segment;
    for (const plan::LeasedIp& lease : leased[i].ips)
      record.leases.push_back({nics[i].segment, lease.cidr.ip, static_cast<std::uint32_t>(i)});
  }
}

bool is_fixed(const Reservation& nic) {
  return nic.mac || std::any_of(nic.wants.begin(), nic.wants.end(),
                                [](const ipam::Want& want) { return want.wanted.has_value(); });
}

}  // namespace

Record DirectoryStore::commit_all(const net::Owner& owner, const std::vector<Reservation>& nics,
                                  const CompleteAll& complete) {
  const std::uint64_t hash = net::owner_hash(owner);
  const Lock held = lock();
  if (has_record(hash))
    throw base::Error(base::Code::already_attached, "attachment " + who(owner) + " has a record already");
  Segments segments(root_);
  constexpr int kTries = 16;
  std::vector<LeaseRef> passed_over;
  Leased leased(nics.size());
  const auto choose = [&](std::size_t i) {
    std::vector<net::Ip> taken = leases_in(nics[i].segment, nics, leased);
    for (const LeaseRef& lease : passed_over)
      if (lease.segment == nics[i].segment) taken.push_back(lease.ip);
    leased[i].ips = allocated(segments.at(nics[i].segment), nics[i], hash, taken);
  };
  for (std::size_t i = 0; i < nics.size(); ++i) choose(i);
  for (int tried = 1;; ++tried) {
    Undo undo;
    for (std::size_t i = 0; i < nics.size(); ++i)
      leased[i] = seen(segments.at(nics[i].segment), nics[i], std::move(leased[i].ips));
    Record record = complete(leased);
    fill_in(record, owner, nics, leased);
    for (const auto& [name, segment] : segments.all()) segment->prepare();
    for (std::size_t i = 0; i < nics.size(); ++i) note(segments.at(nics[i].segment), nics[i], leased[i].ips);
    if (const auto conflict = claim_macs(segments, record, hash, undo.steps)) {
      // A derived MAC that somebody asked for before: the next address has another. A requested one is refused.
      const std::size_t i = std::min(conflict->nic, nics.size() - 1);
      if (is_fixed(nics[i]) || leased[i].ips.empty() || tried == kTries)
        throw base::Error(base::Code::held, conflict->text);
      for (const plan::LeasedIp& lease : std::exchange(leased[i].ips, {}))
        passed_over.push_back({nics[i].segment, lease.cidr.ip});
      choose(i);
      continue;
    }
    for (const LeaseRef& lease : passed_over)
      if (std::find(record.leases.begin(), record.leases.end(), lease) == record.leases.end())
        segments.at(lease.segment).release(lease.ip);
    write_commit(segments, record, hash, undo.steps);
    undo.steps.clear();
    for (const auto& [name, segment] : segments.all()) segment->done();
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
