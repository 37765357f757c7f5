// How records go, and how what kills left is tidied up. Nothing here needs room on the disk.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/clock.h"
#include "store/seal.h"
#include "store/segment_files.h"
#include "store/store_impl.h"

namespace trestle::store {
namespace {

constexpr const char* kSegments = "segments";

// What goes back to its segments when a record goes.
struct Belongings {
  std::map<std::string, std::vector<Resting>> leases;  // by segment; an entry for each that has a MAC, too
};

Belongings belongings(const Outline& seen, std::uint64_t now) {
  Belongings all;
  for (const LeaseRef& lease : seen.leases) {
    const auto mac = lease.nic < seen.macs.size() ? std::optional(seen.macs[lease.nic]) : std::nullopt;
    all.leases[lease.segment].push_back({now, lease.ip, mac});
  }
  for (const std::string& segment : seen.segments) all.leases.try_emplace(segment);
  return all;
}

std::string reason(const std::string& path, int error) { return path + ": " + std::strerror(error); }

base::Error not_forgotten(const std::vector<std::string>& failed) {
  return {base::Code::store,
          "the store could not forget an attachment: " + failed.front() + "; run DEL or trestle gc again",
          base::join(failed, "\n")};
}

}  // namespace

void DirectoryStore::remove(const net::Owner& owner, bool rest, const std::set<net::Mac>& moved) {
  remove_hash(net::owner_hash(owner), rest, moved);
}

void DirectoryStore::remove_file(const RecordFile& file) {
  const auto hash = parse_hash(file.name);
  if (!hash) throw base::Error(base::Code::bug, "no record has such a name");
  remove_hash(*hash, true, {});
}

void DirectoryStore::remove_hash(std::uint64_t owner, bool rest, const std::set<net::Mac>& moved) {
  const Lock held = lock();
  if (!has_record(owner)) {
    if (records() != nullptr)
      (void)records()->unlink("." + base::hex(owner, 16) + ".tmp");  // of an ADD that was killed
    drop_temporaries();
    return;
  }
  const std::string file = record_file(owner);
  const Dir::Content content = records()->read(file, kMaxRecord);
  const auto seen = content.error == 0 ? outline(content.text) : std::nullopt;
  const auto loaded = seen ? load(owner) : std::nullopt;
  std::vector<std::string> failed;

  std::vector<std::unique_ptr<Segment>> segments;
  if (seen) {
    Belongings all = belongings(*seen, boottime());
    for (auto& [name, entries] : all.leases) {
      try {
        auto segment = std::make_unique<Segment>(root_, name, boottime());
        leave_to_kin(*segment, *seen, owner, entries, failed);
        const auto taken_along = std::stable_partition(
            entries.begin(), entries.end(), [&](const Resting& r) { return !r.mac || !moved.contains(*r.mac); });
        const std::vector<Resting> away(taken_along, entries.end());
        entries.erase(taken_along, entries.end());
        for (const int error : {segment->give_back(entries, rest), segment->let_move(away)})
          if (error != 0) failed.push_back(reason(root_.path() + ": segment " + name, error));
        for (std::size_t i = 0; i < seen->macs.size(); ++i)
          if (seen->segments[i] == name) segment->drop_mac(seen->macs[i], owner);
        segments.push_back(std::move(segment));
      } catch (const base::Error& e) {
        failed.emplace_back(e.what());
      }
    }
  } else {
    doubt_all_segments(failed);
  }
  // A record may not go before its segments know: its addresses would be in use for ever.
  if (!failed.empty()) throw not_forgotten(failed);

  const auto parts = loaded && loaded->record ? loaded->record->parts : parts_.refs_of(owner);
  for (const PartRef& part : parts)
    if (const int error = parts_.drop_ref(part, owner); error != 0)
      failed.push_back(reason("ref of part " + part.digest, error));

  const int error = records()->unlink(file);
  if (error != 0)
    failed.push_back(reason(records()->path(file), error));
  else
    for (const auto& segment : segments) {
      for (std::size_t i = 0; seen && i < seen->vms.size(); ++i)
        if (seen->segments[i] == segment->name()) segment->let_go(seen->vms[i], owner);
      segment->done();
    }
  if (!failed.empty()) throw not_forgotten(failed);
}

void DirectoryStore::doubt_all_segments(std::vector<std::string>& failed) {
  try {
    const auto segments = root_.find(kSegments);
    if (!segments) return;
    for (const std::string& name : segments->names()) {
      if (!parse_hash(name)) continue;
      const auto dir = segments->find_if_dir(name);
      if (!dir) continue;
      if (const int error = dir->unlink(files::kState); error != 0)
        failed.push_back(reason(dir->path(files::kState), error));
    }
  } catch (const base::Error& e) {
    failed.emplace_back(e.what());
  }
}

// Whoever writes one holds the store's lock, as we do.
void DirectoryStore::drop_temporaries() const {
  const auto segments = root_.find(kSegments);
  if (!segments) return;
  for (const std::string& entry : segments->names())
    if (const auto dir = segments->find_if_dir(entry))
      for (const std::string& name : dir->names())
        if (name.starts_with('.')) (void)dir->unlink(name);
}

void DirectoryStore::sweep() {
  sweep_refs();
  const Lock held = lock();
  if (records() != nullptr)
    for (const std::string& name : records()->names())
      if (name.starts_with('.')) (void)records()->unlink(name);
  parts_.sweep();
  sweep_segments();
}

// An ADD has its refs before its record: owners that a call works on are left alone.
void DirectoryStore::sweep_refs() {
  for (const Part& part : parts_.all()) {
    const PartRef ref{part.bridge, part.digest};
    for (const std::uint64_t owner : parts_.owners(ref)) {
      if (has_record(owner)) continue;
      const auto mine = locks_.try_attachment(owner);
      if (mine && !has_record(owner)) (void)parts_.drop_ref(ref, owner);
    }
  }
}

void DirectoryStore::sweep_segments() {
  const auto segments = root_.find(kSegments);
  if (!segments) return;
  const Census all = census();
  std::map<std::string, std::string> names;  // by directory
  for (const LeaseRef& lease : all.leases) names.emplace(base::hex(base::hash64(lease.segment), 16), lease.segment);
  for (const Census::HeldMac& mac : all.macs) names.emplace(base::hex(base::hash64(mac.segment), 16), mac.segment);
  for (const std::string& entry : segments->names()) {
    if (!names.contains(entry)) {
      const auto dir = segments->find_if_dir(entry);
      const auto told = dir ? files::state_name(*dir) : std::nullopt;
      const bool right = told && base::hex(base::hash64(*told), 16) == entry;
      if (!right) {
        (void)segments->unlink(entry);
        continue;
      }
      names.emplace(entry, *told);
    }
    Segment segment(root_, names.at(entry), boottime());
    segment.rebuild(all);
    if (segment.empty()) {
      (void)segments->unlink(entry);
      continue;
    }
    segment.save();
    segment.done();
  }
}

}  // namespace trestle::store
