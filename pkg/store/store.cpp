#include "store/store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/departed.h"
#include "store/store_impl.h"

namespace trestle::store {
namespace {

constexpr const char* kRecords = "records";
constexpr const char* kHeal = "heal";

// Where next_few() stopped. The offset alone is not enough: before Linux 6.6 tmpfs counts a directory's entries from the newest, so the
// record of each ADD pushed the entry just seen behind the offset again, and self-heal looked at one record for ever.
struct Cursor {
  std::uint64_t position = 0, last = 0;  // the directory's offset, the hash of the record seen last
};

std::string stem(const std::string& file) { return file.substr(0, file.find('.')); }

}  // namespace

DirectoryStore::DirectoryStore(Dir root, Locks locks)
    : root_(std::move(root)),
      locks_(std::move(locks)),
      deadline_(Deadline::in(std::chrono::seconds(15))),
      parts_(root_) {}

const Dir* DirectoryStore::records() const {
  if (!records_) records_ = root_.find(kRecords);
  return records_ ? &*records_ : nullptr;
}

const Dir& DirectoryStore::make_records() {
  if (!records()) records_ = root_.make(kRecords);
  return *records_;
}

bool DirectoryStore::has_record(std::uint64_t owner_hash) const {
  return records() != nullptr && records()->exists(record_file(owner_hash));
}

std::optional<RecordFile> DirectoryStore::load(std::uint64_t owner_hash) const {
  if (records() == nullptr) return std::nullopt;
  const std::string file = record_file(owner_hash);
  Dir::Content content = records()->read(file, kMaxRecord);
  if (content.error == ENOENT) return std::nullopt;
  RecordFile found{stem(file), std::nullopt, {}};
  if (content.error != 0) {
    found.why = std::strerror(content.error);
    return found;
  }
  if (!parsed_ || parsed_text_ != content.text) {
    try {
      parsed_ = parse_record(content.text);
      parsed_text_ = std::move(content.text);
    } catch (const base::Error& e) {
      found.why = e.what();
      found.owner = salvage_owner(content.text, owner_hash);
      return found;
    }
  }
  if (net::owner_hash(parsed_->owner) != owner_hash) {
    found.why = "it is the record of another attachment";
    return found;
  }
  found.record = parsed_;
  return found;
}

std::optional<Record> DirectoryStore::find(const net::Owner& owner) const {
  const std::uint64_t hash = net::owner_hash(owner);
  auto file = load(hash);
  if (!file) return std::nullopt;
  if (!file->record)
    throw base::Error(base::Code::store,
                      records()->path(record_file(hash)) + ": this record cannot be read: " + file->why);
  return std::move(file->record);
}

bool DirectoryStore::exists(const net::Owner& owner) const { return has_record(net::owner_hash(owner)); }

std::vector<RecordFile> DirectoryStore::list() const {
  std::vector<RecordFile> files;
  if (records() == nullptr) return files;
  for (const std::string& name : records()->names())
    if (const auto hash = record_hash(name))
      if (auto file = load(*hash)) files.push_back(std::move(*file));
  return files;
}

std::size_t DirectoryStore::count() const {
  if (records() == nullptr) return 0;
  const auto names = records()->names();
  return static_cast<std::size_t>(
      std::count_if(names.begin(), names.end(), [](const std::string& name) { return record_hash(name).has_value(); }));
}

// Where to go on is a position in the directory, kept in a file. It is a hint: any value is a place to start.
// Not parsed: a whole record cost a quarter of an ADD.
std::vector<Glimpse> DirectoryStore::next_few(std::size_t n) {
  std::vector<Glimpse> seen_now;
  if (records() == nullptr || n == 0) return seen_now;
  Cursor cursor;
  const Dir::Content kept = root_.read(kHeal, sizeof cursor);
  if (kept.text.size() == sizeof cursor)
    std::memcpy(&cursor, kept.text.data(), sizeof cursor);
  else if (kept.error != ENOENT)
    (void)root_.unlink(kHeal);
  if (cursor.position > INT64_MAX) cursor.position = 0;
  auto names = records()->names_from(cursor.position);
  const auto seen = std::find_if(names.begin(), names.end(),
                                 [&](const Dir::Position& at) { return record_hash(at.name) == cursor.last; });
  if (seen != names.end()) {
    const std::uint64_t behind = seen->next;
    names.erase(names.begin(), seen + 1);
    if (names.empty()) names = records()->names_from(behind);
  }
  if (names.empty()) names = records()->names_from(0);
  std::size_t looks = 0;
  for (const Dir::Position& at : names) {
    if (looks == n) break;
    cursor.position = at.next;
    const auto hash = record_hash(at.name);
    if (!hash) continue;
    cursor.last = *hash;
    ++looks;
    const Dir::Content content = records()->read(at.name, kMaxRecord);
    if (content.error != 0) continue;
    if (auto found = outline(content.text)) seen_now.push_back({stem(at.name), std::move(found->host_links)});
  }
  (void)root_.write_in_place(kHeal, {reinterpret_cast<const char*>(&cursor), sizeof cursor}, 0, true);
  return seen_now;
}

std::optional<RecordFile> DirectoryStore::read(const std::string& name) const {
  const auto hash = record_hash(name + ".json");
  return hash ? load(*hash) : std::nullopt;
}

namespace {

// What `found` has of NICs that the record lacks. false: nothing.
bool add_nics(Record& record, const Record& found) {
  const auto has = [&](const net::IfName& host_link) {
    return std::any_of(record.nics.begin(), record.nics.end(),
                       [&](const Nic& nic) { return nic.host_link == host_link; });
  };
  if (std::all_of(found.nics.begin(), found.nics.end(), [&](const Nic& nic) { return has(nic.host_link); }))
    return false;
  const auto offset = static_cast<std::uint32_t>(record.nics.size());
  for (Nic nic : found.nics) {
    nic.segment = segment_of(found, nic);
    record.nics.push_back(std::move(nic));
  }
  for (LeaseRef lease : found.leases) {
    lease.nic += offset;
    record.leases.push_back(std::move(lease));
  }
  record.plan.insert(record.plan.end(), found.plan.begin(), found.plan.end());
  for (const PartRef& part : found.parts)
    if (std::find(record.parts.begin(), record.parts.end(), part) == record.parts.end()) record.parts.push_back(part);
  return true;
}

}  // namespace

void DirectoryStore::adopt(const Record& record) {
  const std::uint64_t hash = net::owner_hash(record.owner);
  const Lock held = lock();
  Record adopted = record;
  const bool there = has_record(hash);
  bool fresh = !there;
  if (there)
    if (const auto file = load(hash); file && file->record) {
      adopted = *file->record;
      fresh = is_adopted(adopted) && add_nics(adopted, record);
    }
  if (fresh) {
    std::vector<std::string> failed;
    doubt_all_segments(failed);
    if (!failed.empty()) throw base::Error(base::Code::store, failed.front());
  }
  for (const PartRef& part : adopted.parts) parts_.put_ref(part, hash);
  if (fresh) make_records().check(records()->replace(record_file(hash), record_text(adopted)), "write", "a record");
}

// --- shared parts, and DELs without a record ---------------------------------------------------------------------------------------

void DirectoryStore::set_facts(const net::IfName& bridge, const plan::Facts& facts) {
  const Lock held = lock();
  parts_.set_facts(bridge, facts);
}

void DirectoryStore::put_part(const Part& part, const net::Owner& owner) {
  const PartRef ref{part.bridge, part.digest};
  if (!parts_.written(ref)) {
    const Lock held = lock();
    if (!parts_.written(ref)) parts_.put(part);
  }
  parts_.put_ref(ref, net::owner_hash(owner));
}

bool DirectoryStore::part_unused(const PartRef& ref, bool verify) {
  if (!verify) return parts_.unused(ref, nullptr);
  return parts_.unused(ref, [this](std::uint64_t owner) { return has_record(owner); });
}

void DirectoryStore::remove_empty_switch(const net::IfName& bridge) {
  const Lock held = lock();
  parts_.remove_empty(bridge);
}

void DirectoryStore::remove_part(const PartRef& ref) {
  const Lock held = lock();
  parts_.remove(ref);
}

std::vector<PartRef> DirectoryStore::drop_stray_refs(const net::Owner& owner) {
  const std::uint64_t hash = net::owner_hash(owner);
  std::vector<PartRef> dropped;
  std::vector<PartRef> needed;
  try {
    if (const auto record = find(owner)) needed = record->parts;
  } catch (const base::Error&) {
    return dropped;  // damaged: what it needs is not known, so all of it is kept
  }
  for (const PartRef& ref : parts_.refs_of(hash)) {
    if (std::find(needed.begin(), needed.end(), ref) != needed.end()) continue;
    bool was = false;
    if (parts_.drop_ref(ref, hash, &was) == 0 && was) dropped.push_back(ref);
  }
  return dropped;
}

void DirectoryStore::mark_departed(const net::Owner& owner) noexcept try {
  Lock held;
  try {
    held = lock();
  } catch (const base::Error&) {  // better marked without the lock than not at all
  }
  store::mark_departed(root_, net::owner_hash(owner), process_start());
} catch (const std::exception&) {
}

bool DirectoryStore::departed_since_start(const net::Owner& owner) const {
  return departed_since(root_, net::owner_hash(owner));
}

}  // namespace trestle::store
