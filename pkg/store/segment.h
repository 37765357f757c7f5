#pragma once
// The index of one segment: which addresses are in use, to find a free one fast. A cache of the records, on disk as
//   state            name and dirty mark        cursor     where each pool goes on
//   4-0a580000 …     4096 addresses each        resting    what was released lately
//   moved            what VMs have that went to another node of the network, and came from here
//   derived          there as long as every MAC that ever was in the segment followed from its first address; in it the subnets in
//                    which all addresses of every attachment had one place, as long as they had
//   m-0242c0a80002   a symlink to nowhere whose target is the hash of the owner that has this MAC
//   v-0123…/89ab…    one empty file for each owner that holds lease and MAC of a VM's NIC (its hash): two while the VM migrates
// An absent block is all free, so a /8 or /64 costs nothing. All of it under the store's lock. Protocol: mark dirty, change,
// clear dirty; who finds it dirty, or anything amiss, rebuilds it from the records.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ipam/choose.h"
#include "net/vm_identity.h"
#include "plan/facts.h"
#include "store/census.h"
#include "store/directory.h"
#include "store/resting.h"
#include "store/segment_files.h"

namespace trestle::store {

class Segment {
 public:
  // Reads no more than the state. A segment that is not on disk is in doubt.
  Segment(const Dir& root, std::string name, std::uint64_t now);

  const std::string& name() const noexcept { return name_; }
  // May become true by any of the looks below, whose answer is void then: rebuild() and ask again. Never after rebuild().
  bool in_doubt() const noexcept { return doubt_; }
  void rebuild(const Census& census);
  bool distrust() noexcept { return doubt_ = !anew_; }  // false: it was just rebuilt

  bool used(const net::Ip& ip);  // resting counts
  void take(const net::Ip& ip);
  void release(const net::Ip& ip);
  std::optional<net::Ip> take_next(const ipam::RangeSet& set);  // round robin
  bool take_resting(const net::Ip& ip);                         // false: it does not rest
  std::optional<net::Ip> take_resting_of(const net::Mac& mac, const ipam::RangeSet& set);
  std::optional<net::Ip> take_oldest_resting(const ipam::RangeSet& set);
  // Of those that VMs took along to another node: only the VM itself gets them back, by its MAC: given to another they were there twice.
  bool take_moved(const net::Ip& ip, const std::optional<net::Mac>& mac);  // nullopt: whosever
  std::optional<net::Ip> take_moved_of(const net::Mac& mac, const ipam::RangeSet& set);
  std::size_t moved_of(const ipam::RangeSet& set);                   // how many
  std::string path() const { return root_.path() + "/" + folder_; }  // without it all is rebuilt, but for those
  // Addresses in use and resting of the set's ranges.
  struct Count {
    std::uint64_t used = 0, resting = 0;
  };
  Count count(const ipam::RangeSet& set);
  bool empty() const;  // after rebuild(): nothing used, nothing resting

  // Makes the directory. Throws Error{store}.
  void prepare();
  // nullopt: `mac` is now the owner's (or was). Else the hash of who has it, which may be a record long gone. After prepare().
  std::optional<std::uint64_t> claim_mac(const net::Mac& mac, std::uint64_t owner);
  void drop_mac(const net::Mac& mac, std::uint64_t owner) noexcept;  // unless it is another's
  // Has every MAC that was ever in the segment followed from its first address? False when it cannot be told.
  bool macs_follow() const { return fresh_ || (dir_ && dir_->exists(files::kDerived)); }
  void note_other_mac();  // one that does not: before its record. Throws Error{store}
  // And have the addresses of every attachment had one place in one and the same list of subnets, as these do? Then all of them go together.
  bool places_follow(const std::vector<plan::LeasedIp>& ips) const;
  void note_places(const std::vector<plan::LeasedIp>& ips);  // before their record. Throws Error{store}

  // Holders of a VM's NIC (holders.cpp), by the hash of the owner. An entry is made before its record and goes after it, so an entry may
  // be of a record long gone, and no record is without one; while the segment is in doubt, one may be.
  std::vector<std::uint64_t> holders(const net::VmNic& vm) const;
  void hold(const net::VmNic& vm, std::uint64_t owner);  // after prepare(); throws Error{store}
  void let_go(const net::VmNic& vm, std::uint64_t owner) noexcept;
  // The marker of `mac`, if it is `from`'s, becomes `to`'s. Works on a full disk, where the segment then is in doubt. An errno: not even that.
  int pass_on_mac(const net::Mac& mac, std::uint64_t from, std::uint64_t to) noexcept;

  // Dirty mark and all changes to disk. Throws Error{store}; then the mark stays. done() clears it.
  void save();
  void done() noexcept;

  // For a removal, which must work on a full disk and so never rebuilds: marks dirty, lets `entries` rest, or frees them where `rest` is
  // false or there is no room. Finish with done() when the record is gone. An errno: neither that nor the mark could be written, so
  // the record must stay.
  int give_back(const std::vector<Resting>& entries, bool rest) noexcept;
  // The same for what a VM took along; without room for that they rest as others do.
  int let_move(const std::vector<Resting>& entries) noexcept;

 private:
  struct Block {
    std::array<std::uint64_t, 64> bits{};
    bool changed = false, on_disk = false;
    bool zero() const;
  };
  struct Cursor {
    std::uint64_t pool = 0;
    net::Ip last;
  };

  Block& block(const net::Ip& base);
  RestingList& resting();
  RestingList& moved();
  std::vector<Cursor>& cursors();
  std::vector<net::Ip> blocks_of(const ipam::RangeSet& set);
  int mark(bool dirty) noexcept;
  int save_block(const net::Ip& base, Block& block);
  int free_in_place(const net::Ip& ip);
  void save_anew();
  void rebuild_moved(const std::set<net::Ip>& held);
  void rebuild_holders(const Census& census);
  void save_holders(std::set<std::string>& keep);

  const Dir& root_;
  std::string name_, folder_;
  std::uint64_t now_;
  std::optional<Dir> dir_;
  std::map<net::Ip, Block> blocks_;
  std::optional<RestingList> resting_, moved_;
  std::optional<std::vector<Cursor>> cursors_;
  std::vector<Census::HeldMac> macs_;  // of a rebuild, and claimed since
  std::vector<Census::HeldVm> vms_;    // likewise
  bool doubt_ = false;
  bool anew_ = false;                  // rebuilt: blocks_ is all there is
  bool fresh_ = false;                 // neither on disk nor in any record
  std::optional<std::string> places_;  // noted while fresh
  bool cursor_moved_ = false;
};

}  // namespace trestle::store
