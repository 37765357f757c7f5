// Two pods of one VM hold one lease and one MAC while the VM migrates, or while the pod before its restart still ends. Both are given back
// with the last. Which pods hold them an entry each says, beside the MACs' markers; each record says it again.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "store/clock.h"
#include "store/seal.h"
#include "store/segment_files.h"
#include "store/store_impl.h"

namespace trestle::store {
namespace {

constexpr std::string_view kPrefix = "v-";

std::string folder_of(std::uint64_t vm) { return std::string(kPrefix) + base::hex(vm, 16); }

std::vector<std::uint64_t> entries_of(const std::optional<Dir>& folder) {
  std::vector<std::uint64_t> owners;
  if (folder)
    for (const std::string& name : folder->names())
      if (const auto owner = parse_hash(name)) owners.push_back(*owner);
  return owners;
}

bool has_nic(const Record& record, const std::string& segment, const net::VmNic& vm) {
  return record.vm == vm.vm && std::any_of(record.nics.begin(), record.nics.end(), [&](const Nic& nic) {
           return nic.name.str() == vm.nic && segment_of(record, nic) == segment;
         });
}

}  // namespace

std::vector<std::uint64_t> Segment::holders(const net::VmNic& vm) const {
  const std::uint64_t hash = net::vm_hash(vm);
  std::vector<std::uint64_t> owners = dir_ ? entries_of(dir_->find_if_dir(folder_of(hash))) : entries_of(std::nullopt);
  for (const Census::HeldVm& held : vms_)  // rebuilt: what is on disk is not yet what it will be
    if (held.vm == hash && std::find(owners.begin(), owners.end(), held.owner) == owners.end())
      owners.push_back(held.owner);
  return owners;
}

void Segment::hold(const net::VmNic& vm, std::uint64_t owner) {
  const std::uint64_t hash = net::vm_hash(vm);
  const std::string name = folder_of(hash);
  if (!dir_->find_if_dir(name)) dir_->check(dir_->unlink(name), "remove what is in the place of this folder", name);
  const Dir folder = dir_->make(name);
  const int error = folder.create_empty(base::hex(owner, 16));
  if (error != EEXIST) folder.check(error, "make", base::hex(owner, 16));
  vms_.push_back({name_, hash, owner});
}

void Segment::let_go(const net::VmNic& vm, std::uint64_t owner) noexcept try {
  const std::uint64_t hash = net::vm_hash(vm);
  std::erase_if(vms_, [&](const Census::HeldVm& held) { return held.vm == hash && held.owner == owner; });
  const auto folder = dir_ ? dir_->find_if_dir(folder_of(hash)) : std::nullopt;
  if (!folder) return;
  (void)folder->unlink(base::hex(owner, 16));
  (void)::unlinkat(dir_->fd(), folder_of(hash).c_str(), AT_REMOVEDIR);  // refused while another holds it
} catch (const base::Error&) {                                          // an entry without its record is nobody's
}

int Segment::pass_on_mac(const net::Mac& mac, std::uint64_t from, std::uint64_t to) noexcept try {
  if (!dir_) return 0;
  for (Census::HeldMac& held : macs_)
    if (held.mac == mac && held.owner == from) held.owner = to;
  const std::string name = files::mac_file(mac), aside = "." + name + ".tmp";
  if (files::read_marker(*dir_, name) != from) return 0;
  (void)dir_->unlink(aside);
  int error = files::write_marker(*dir_, aside, to);
  if (error == 0) error = dir_->rename(aside, name);
  if (error == 0) return 0;
  (void)dir_->unlink(aside);
  doubt_ = true;  // the rebuild makes the marker from the records that are left
  return mark(true);
} catch (const base::Error&) {
  doubt_ = true;
  return mark(true);
}

void Segment::rebuild_holders(const Census& census) {
  vms_.clear();
  for (const Census::HeldVm& one : census.vms)
    if (one.segment == name_) vms_.push_back(one);
  if (!dir_ || census.unreadable.empty()) return;
  // A damaged record does not tell its VM any more; the entry does.
  for (const std::string& name : dir_->names()) {
    const auto vm = name.starts_with(kPrefix) ? parse_hash(name.substr(kPrefix.size())) : std::nullopt;
    if (!vm) continue;
    for (const std::uint64_t owner : entries_of(dir_->find_if_dir(name)))
      if (std::find(census.unreadable.begin(), census.unreadable.end(), owner) != census.unreadable.end())
        vms_.push_back({name_, *vm, owner});
  }
}

void Segment::save_holders(std::set<std::string>& keep) {
  std::map<std::string, std::set<std::string>> wanted;
  for (const Census::HeldVm& held : vms_) wanted[folder_of(held.vm)].insert(base::hex(held.owner, 16));
  for (const auto& [name, owners] : wanted) {
    keep.insert(name);
    if (!dir_->find_if_dir(name)) dir_->check(dir_->unlink(name), "remove what is in the place of this folder", name);
    const Dir folder = dir_->make(name);
    for (const std::string& owner : owners)
      if (const int error = folder.create_empty(owner); error != EEXIST) folder.check(error, "make", owner);
    for (const std::string& there : folder.names())
      if (!owners.contains(there)) folder.check(folder.unlink(there), "remove", there);
  }
}

// --- of the store -----------------------------------------------------------------------------------------------------------------

std::vector<RecordFile> DirectoryStore::kin_of(const Segment& segment, const net::VmNic& vm,
                                               std::uint64_t owner) const {
  std::vector<RecordFile> kin;
  const std::vector<std::uint64_t> entries = segment.holders(vm);
  std::vector<std::uint64_t> candidates = entries;
  if (segment.in_doubt() && records() != nullptr)  // an entry may be missing
    for (const std::string& name : records()->names())
      if (const auto hash = record_hash(name);
          hash && std::find(candidates.begin(), candidates.end(), *hash) == candidates.end())
        candidates.push_back(*hash);
  for (const std::uint64_t other : candidates) {
    if (other == owner) continue;
    auto file = load(other);
    if (!file) continue;
    const bool told = std::find(entries.begin(), entries.end(), other) != entries.end();
    if (file->record ? has_nic(*file->record, segment.name(), vm) : told) kin.push_back(std::move(*file));
  }
  return kin;
}

std::vector<net::Ip> DirectoryStore::leases_of_kin(const Segment& segment, const Reservation& reservation,
                                                   std::uint64_t owner) const {
  std::vector<net::Ip> all;
  if (!reservation.vm) return all;
  for (const RecordFile& file : kin_of(segment, *reservation.vm, owner)) {
    const std::vector<LeaseRef> leases =
        file.record ? file.record->leases : salvage_leases(records()->read(file.name + ".json", kMaxRecord).text);
    // Another NIC of the VM on this switch has its own.
    const auto of_nic = [&](const LeaseRef& lease) {
      return !file.record ||
             (lease.nic < file.record->nics.size() && file.record->nics[lease.nic].name.str() == reservation.vm->nic);
    };
    for (const LeaseRef& lease : leases)
      if (lease.segment == segment.name() && of_nic(lease)) all.push_back(lease.ip);
  }
  return all;
}

bool DirectoryStore::is_kin(const Segment& segment, const Record& record, const Nic& nic, std::uint64_t owner,
                            std::uint64_t other) const {
  if (record.vm.empty()) return false;
  const auto kin = kin_of(segment, {record.vm, nic.name.str()}, owner);
  return std::any_of(kin.begin(), kin.end(), [&](const RecordFile& file) { return parse_hash(file.name) == other; });
}

void DirectoryStore::leave_to_kin(Segment& segment, const Outline& gone, std::uint64_t owner,
                                  std::vector<Resting>& leases, std::vector<std::string>& failed) const {
  for (std::size_t i = 0; i < gone.vms.size(); ++i) {
    if (gone.segments[i] != segment.name()) continue;
    for (const RecordFile& file : kin_of(segment, gone.vms[i], owner)) {
      // What a damaged one holds nobody knows: it keeps all, until it goes itself.
      std::erase_if(leases, [&](const Resting& entry) {
        if (!file.record) return true;
        const auto& kept = file.record->leases;
        return std::find(kept.begin(), kept.end(), LeaseRef{segment.name(), entry.ip}) != kept.end();
      });
      const net::Mac& mac = gone.macs[i];
      const bool has = !file.record || std::any_of(file.record->nics.begin(), file.record->nics.end(),
                                                   [&](const Nic& nic) { return nic.mac == mac; });
      if (!has) continue;
      if (const int error = segment.pass_on_mac(mac, owner, *parse_hash(file.name)); error != 0)
        failed.push_back(segment.name() + ": MAC " + mac.str() + " cannot be left to the VM's other pod");
    }
  }
}

std::vector<Record> DirectoryStore::kin(const Record& record) const {
  std::vector<Record> all;
  if (record.vm.empty()) return all;
  const Lock held = lock();
  for (const Nic& nic : record.nics) {
    const Segment segment(root_, segment_of(record, nic), boottime());
    for (RecordFile& file : kin_of(segment, {record.vm, nic.name.str()}, net::owner_hash(record.owner)))
      if (file.record &&
          std::none_of(all.begin(), all.end(), [&](const Record& r) { return r.owner == file.record->owner; }))
        all.push_back(std::move(*file.record));
  }
  return all;
}

std::optional<net::Mac> DirectoryStore::mac_of(const std::string& name, const net::VmNic& vm) const {
  const Lock held = lock();
  const Segment segment(root_, name, boottime());
  for (const RecordFile& file : kin_of(segment, vm, 0)) {
    if (!file.record) continue;
    for (const Nic& nic : file.record->nics)
      if (nic.name.str() == vm.nic) return nic.mac;
  }
  return std::nullopt;
}

}  // namespace trestle::store
