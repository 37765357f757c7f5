#pragma once
// The files of a segment's directory, byte for byte.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/ip.h"
#include "net/mac.h"
#include "store/directory.h"

namespace trestle::store::files {

inline constexpr const char* kState = "state";
inline constexpr const char* kCursor = "cursor";
inline constexpr const char* kRestingFile = "resting";
inline constexpr const char* kMovedFile = "moved";
inline constexpr const char* kDerived = "derived";

// The state: there, whole, of this segment, and not dirty.
bool is_clean(const Dir& segment, const std::string& name);
std::string state_bytes(const std::string& name, bool dirty);
// The segment's name that its state tells; nullopt: it cannot be told.
std::optional<std::string> state_name(const Dir& segment);

// "4-0a580000" <-> the block's first address.
std::string block_file(const net::Ip& base);
std::optional<net::Ip> block_base(std::string_view file);
// "m-0242c0a80002", a MAC's marker: a symlink whose target is an owner's hash.
std::string mac_file(const net::Mac& mac);
// nullopt: absent, or something else in its place. Throws Error{store}.
std::optional<std::uint64_t> read_marker(const Dir& segment, const std::string& name);
// 0 or an errno; EEXIST: something has the name.
int write_marker(const Dir& segment, const std::string& name, std::uint64_t owner);

// 0, or an errno; EINVAL: damaged. `bits` is all zero then.
int read_block(const Dir& segment, const net::Ip& base, std::array<std::uint64_t, 64>& bits);
std::string block_bytes(const std::array<std::uint64_t, 64>& bits);

}  // namespace trestle::store::files
