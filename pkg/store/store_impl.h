#pragma once
// The one implementation of Store: a directory.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/census.h"
#include "store/directory.h"
#include "store/parts.h"
#include "store/segment.h"
#include "store/store.h"

namespace trestle::store {

class DirectoryStore final : public Store {
 public:
  DirectoryStore(Dir root, Locks locks);

  const std::string& directory() const override { return root_.path(); }
  Locks& locks() override { return locks_; }

  std::optional<Record> find(const net::Owner& owner) const override;
  bool exists(const net::Owner& owner) const override;
  std::vector<RecordFile> list() const override;
  std::size_t count() const override;
  std::vector<Glimpse> next_few(std::size_t n) override;
  std::optional<RecordFile> read(const std::string& name) const override;

  Record commit_all(const net::Owner& owner, const std::vector<Reservation>& nics,
                    const CompleteAll& complete) override;
  void adopt(const Record& record) override;
  bool keeps_records() const override { return records() != nullptr; }
  Leased peek_all(const std::vector<Reservation>& nics) const override;
  void rewrite(const Record& record) override;
  using Store::remove;
  void remove(const net::Owner& owner, bool rest, const std::set<net::Mac>& moved) override;
  void remove_file(const RecordFile& file) override;
  std::vector<Record> kin(const Record& record) const override;
  std::optional<net::Mac> mac_of(const std::string& segment, const net::VmNic& vm) const override;
  PoolUse use(const std::string& segment, const ipam::RangeSet& set) const override;

  std::optional<plan::Facts> facts(const net::IfName& bridge) const override { return parts_.facts(bridge); }
  void set_facts(const net::IfName& bridge, const plan::Facts& facts) override;
  bool part_ready(const PartRef& ref) const override { return parts_.ready(ref); }
  void put_part(const Part& part, const net::Owner& owner) override;
  void set_ready(const PartRef& ref, bool ready) override { parts_.set_ready(ref, ready); }
  std::vector<Part> parts() const override { return parts_.all(); }
  bool part_unused(const PartRef& ref, bool verify) override;
  std::vector<net::IfName> switches() const override { return parts_.switches(); }
  void remove_empty_switch(const net::IfName& bridge) override;
  void remove_part(const PartRef& ref) override;
  std::vector<PartRef> drop_stray_refs(const net::Owner& owner) override;

  void mark_departed(const net::Owner& owner) noexcept override;
  bool departed_since_start(const net::Owner& owner) const override;

  void sweep() override;
  void set_deadline(const Deadline& deadline) override { deadline_ = deadline; }

 private:
  Lock lock() const { return locks_.store(deadline_); }
  // The directory of the records; nullptr while there is none.
  const Dir* records() const;
  const Dir& make_records();
  bool has_record(std::uint64_t owner_hash) const;
  // nullopt: absent. A damaged one has no record.
  std::optional<RecordFile> load(std::uint64_t owner_hash) const;
  void remove_hash(std::uint64_t owner_hash, bool rest, const std::set<net::Mac>& moved);
  void doubt_all_segments(std::vector<std::string>& failed);
  Census census() const;
  std::string holder(const std::string& segment, const net::Ip& ip) const;
  std::string holder_of_mac(std::uint64_t owner_hash, const net::Mac& mac) const;  // "": nobody, the marker is stale
  // The segments of one commit, opened when first asked for.
  class Segments {
   public:
    explicit Segments(const Dir& root) : root_(root) {}
    Segment& at(const std::string& name);
    const std::map<std::string, std::unique_ptr<Segment>>& all() const { return open_; }

   private:
    const Dir& root_;
    std::map<std::string, std::unique_ptr<Segment>> open_;
  };
  struct MacConflict {
    std::size_t nic = 0;
    std::string text;
  };
  // `taken`: what this call has of the segment already.
  std::vector<plan::LeasedIp> allocated(Segment& segment, const Reservation& reservation, std::uint64_t owner,
                                        const std::vector<net::Ip>& taken) const;
  std::optional<std::string> claim_mac(Segment& segment, const Record& record, const Nic& nic,
                                       std::uint64_t owner) const;
  std::optional<MacConflict> claim_macs(Segments& segments, const Record& record, std::uint64_t owner,
                                        std::vector<std::function<void()>>& undo) const;
  void write_commit(Segments& segments, const Record& record, std::uint64_t owner,
                    std::vector<std::function<void()>>& undo);
  // Of a VM's NIC (holders.cpp). Its other holders than `owner`; of a damaged one no record.
  std::vector<RecordFile> kin_of(const Segment& segment, const net::VmNic& vm, std::uint64_t owner) const;
  std::vector<net::Ip> leases_of_kin(const Segment& segment, const Reservation& reservation, std::uint64_t owner) const;
  bool is_kin(const Segment& segment, const Record& record, const Nic& nic, std::uint64_t owner,
              std::uint64_t other) const;
  // Takes from `leases` what other holders keep, and gives them the MACs.
  void leave_to_kin(Segment& segment, const Outline& gone, std::uint64_t owner, std::vector<Resting>& leases,
                    std::vector<std::string>& failed) const;
  void sweep_refs();
  void drop_temporaries() const;
  void sweep_segments();

  Dir root_;
  mutable Locks locks_;
  Deadline deadline_;
  Parts parts_;
  mutable std::optional<Dir> records_;
  // The text last parsed: DEL finds its record, and then removes it.
  mutable std::string parsed_text_;
  mutable std::optional<Record> parsed_;
};

}  // namespace trestle::store
