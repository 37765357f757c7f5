#pragma once
// The messages of nf_tables about table `trestle`, each begun in a Batch by one function. Pure. Source:
// linux/netfilter/nf_tables.h.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernel/netlink.h"
#include "kernel/nft_text.h"
#include "plan/step.h"

namespace trestle::kernel {

// What an error calls an object: "inet chain forward".
std::string nft_label(plan::Table table, std::string_view kind, std::string_view name);

// Begins a message of `kind` (NFT_MSG_*); `label` as Batch::begin(). The functions below do so themselves, and only the
// requests by name are labelled: those of a transaction are told apart by its sender.
void begin_nft(Batch& out, std::uint16_t kind, std::uint16_t flags, plan::Table table, std::string label = {});

// Makes what is missing and leaves what is there.
void put_table(Batch& out, plan::Table table);
void put_set(Batch& out, const NftSet& set);
void put_chain(Batch& out, const NftChain& chain);
// Removes all rules of the chain.
void put_flush(Batch& out, plan::Table table, const std::string& chain);
// Appends a rule with a comment that `nft list` shows.
void put_rule(Batch& out, const NftChain& chain, const NftRuleText& rule, std::string_view comment);

// NFT_MSG_DEL* and NFT_MSG_GET* of one object by name: the kernel answers ENOENT when it is absent.
void put_table_by_name(Batch& out, std::uint16_t kind, plan::Table table);
void put_chain_by_name(Batch& out, std::uint16_t kind, plan::Table table, const std::string& chain);
void put_set_by_name(Batch& out, std::uint16_t kind, plan::Table table, const std::string& set);

// NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM or NFT_MSG_GETSETELEM with these keys (GET: one that is no Cidr). At most
// kNftElements at once: one attribute holds them all and ends at 64 KiB.
constexpr std::size_t kNftElements = 400;
void put_elements(Batch& out, std::uint16_t kind, plan::Table table, const std::string& set,
                  std::span<const plan::Element> elements);

// The key of an element as the kernel compares it. A Cidr gives the first address, `end` the first one behind it
// (empty: there is none, the prefix reaches to the end of the addresses, or the key is no Cidr). In a concatenation with a Cidr
// `last` is the same key with the last address.
struct NftKey {
  std::string first, end, last;
};
NftKey element_key(const plan::Element& element);

}  // namespace trestle::kernel
