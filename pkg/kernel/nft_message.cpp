#include "kernel/nft_message.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>

#include <variant>

#include "kernel/nft_expression.h"
#include "kernel/nft_rule.h"

namespace trestle::kernel {
namespace {

constexpr std::string_view kTable = "trestle";
constexpr std::uint32_t kVerdictType = 0xffffff00;  // what the kernel calls NFT_DATA_VERDICT

// nft's notes in NFTA_SET_USERDATA and NFTA_RULE_USERDATA: type, length, value.
constexpr std::uint8_t kNoteKeyByteOrder = 0, kNoteDataByteOrder = 1, kNoteMergeElements = 2, kNoteRuleComment = 0;
enum ByteOrder : std::uint32_t { mixed, host, big };

void add_note(std::string& notes, std::uint8_t type, std::string_view value) {
  notes += static_cast<char>(type);
  notes += static_cast<char>(value.size());
  notes += value;
}

void add_note(std::string& notes, std::uint8_t type, std::uint32_t value) {
  add_note(notes, type, std::string_view(reinterpret_cast<const char*>(&value), sizeof value));
}

// nft takes a key without byte order for numbers of this host and prints garbage.
std::string set_notes(const NftSet& set) {
  const ByteOrder order = set.key.size() > 1 ? mixed : set.key.front()->form == NftForm::name ? host : big;
  std::string notes;
  add_note(notes, kNoteKeyByteOrder, order);
  if (set.verdicts || !set.data.empty())
    add_note(notes, kNoteDataByteOrder, std::uint32_t{set.data.size() == 1 ? big : mixed});
  if (set.interval) add_note(notes, kNoteMergeElements, std::uint32_t{0});
  return notes;
}

void append_field(std::string& key, const plan::Field& field) {
  std::visit(
      plan::Overloaded{
          [&](const net::IfName& name) { key += std::string(name.str()).append(IFNAMSIZ - name.str().size(), '\0'); },
          [&](const net::Mac& mac) { key.append(mac.bytes.begin(), mac.bytes.end()); },
          [&](const net::Ip& ip) { key += ip.bytes(); },
          [&](const net::Cidr& cidr) { key += cidr.first().bytes(); },
      },
      field);
}

void put_key(Batch& out, std::string_view key, bool end, std::uint16_t attr = NFTA_SET_ELEM_KEY) {
  const std::size_t nest = out.open_nest(attr);
  out.put(NFTA_DATA_VALUE, key);
  out.close_nest(nest);
  if (end) put_be32(out, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
}

}  // namespace

std::string nft_label(plan::Table table, std::string_view kind, std::string_view name) {
  return std::string(family_name(table)) + ' ' + std::string(kind) + ' ' + std::string(name);
}

void begin_nft(Batch& out, std::uint16_t kind, std::uint16_t flags, plan::Table table, std::string text) {
  const auto type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | kind);
  auto* header = static_cast<nfgenmsg*>(out.begin(type, flags, sizeof(nfgenmsg), std::move(text)));
  header->nfgen_family = table == plan::Table::inet ? NFPROTO_INET : NFPROTO_BRIDGE;
  header->version = NFNETLINK_V0;
}

void put_table(Batch& out, plan::Table table) {
  begin_nft(out, NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
  out.put_text(NFTA_TABLE_NAME, kTable);
}

namespace {

// How long each part of a key is: where ranges stand in a concatenation, the kernel compares part by part.
void put_parts(Batch& out, const NftSet& set) {
  const std::size_t desc = out.open_nest(NFTA_SET_DESC);
  const std::size_t list = out.open_nest(NFTA_SET_DESC_CONCAT);
  for (const NftTypeInfo* part : set.key) {
    const std::size_t nest = out.open_nest(NFTA_LIST_ELEM);
    put_be32(out, NFTA_SET_FIELD_LEN, part->size);
    out.close_nest(nest);
  }
  out.close_nest(list);
  out.close_nest(desc);
}

// nft's number of a key or of a map's data, and its length.
struct Kind {
  std::uint32_t id = 0, size = 0;
};
Kind kind_of(const std::vector<const NftTypeInfo*>& parts) {
  Kind kind;
  for (const NftTypeInfo* part : parts) {
    kind.id = kind.id << kNftConcatBits | part->id;
    kind.size += parts.size() > 1 ? static_cast<std::uint32_t>(nft_padded(part->size)) : part->size;
  }
  return kind;
}

}  // namespace

void put_set(Batch& out, const NftSet& set) {
  begin_nft(out, NFT_MSG_NEWSET, NLM_F_CREATE, set.table);
  const Kind key = kind_of(set.key);
  out.put_text(NFTA_SET_TABLE, kTable);
  out.put_text(NFTA_SET_NAME, set.name);
  // No size and no timeout: the kernel takes the growing hash table for exact keys, and the red-black tree for
  // intervals.
  const bool ranges_in_parts = set.interval && set.key.size() > 1;
  put_be32(out, NFTA_SET_FLAGS,
           std::uint32_t{set.interval} * NFT_SET_INTERVAL |
               std::uint32_t{set.verdicts || !set.data.empty()} * NFT_SET_MAP |
               std::uint32_t{ranges_in_parts} * NFT_SET_CONCAT);
  put_be32(out, NFTA_SET_KEY_TYPE, key.id);
  put_be32(out, NFTA_SET_KEY_LEN, key.size);
  if (set.verdicts) {
    put_be32(out, NFTA_SET_DATA_TYPE, kVerdictType);
    put_be32(out, NFTA_SET_DATA_LEN, 0);
  } else if (!set.data.empty()) {
    const Kind data = kind_of(set.data);
    put_be32(out, NFTA_SET_DATA_TYPE, data.id);
    put_be32(out, NFTA_SET_DATA_LEN, data.size);
  }
  if (ranges_in_parts) put_parts(out, set);
  if (set.counted) {
    const std::size_t counter = out.open_nest(NFTA_SET_EXPR);
    out.put_text(NFTA_EXPR_NAME, "counter");
    out.close_nest(counter);
  }
  put_be32(out, NFTA_SET_ID, 1);  // must be there; rules find the set by its name
  out.put(NFTA_SET_USERDATA, set_notes(set));
}

void put_chain(Batch& out, const NftChain& chain) {
  begin_nft(out, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain.table);
  out.put_text(NFTA_CHAIN_TABLE, kTable);
  out.put_text(NFTA_CHAIN_NAME, chain.name);
  if (!chain.base) return;
  const std::size_t nest = out.open_nest(NFTA_CHAIN_HOOK);
  put_be32(out, NFTA_HOOK_HOOKNUM, chain.base->hook);
  put_be32(out, NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(chain.base->priority));
  out.close_nest(nest);
  put_be32(out, NFTA_CHAIN_POLICY, NF_ACCEPT);
  out.put_text(NFTA_CHAIN_TYPE, chain.base->type);
}

void put_flush(Batch& out, plan::Table table, const std::string& chain) {
  begin_nft(out, NFT_MSG_DELRULE, 0, table);
  out.put_text(NFTA_RULE_TABLE, kTable);
  out.put_text(NFTA_RULE_CHAIN, chain);
}

void put_rule(Batch& out, const NftChain& chain, const NftRuleText& rule, std::string_view comment) {
  begin_nft(out, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, chain.table);
  out.put_text(NFTA_RULE_TABLE, kTable);
  out.put_text(NFTA_RULE_CHAIN, chain.name);
  put_expressions(out, chain.table, rule.text);
  std::string notes;
  add_note(notes, kNoteRuleComment, std::string(comment) + '\0');
  out.put(NFTA_RULE_USERDATA, notes);
}

void put_table_by_name(Batch& out, std::uint16_t kind, plan::Table table) {
  begin_nft(out, kind, 0, table, nft_label(table, "table", kTable));
  out.put_text(NFTA_TABLE_NAME, kTable);
}

void put_chain_by_name(Batch& out, std::uint16_t kind, plan::Table table, const std::string& chain) {
  begin_nft(out, kind, 0, table, nft_label(table, "chain", chain));
  out.put_text(NFTA_CHAIN_TABLE, kTable);
  out.put_text(NFTA_CHAIN_NAME, chain);
}

void put_set_by_name(Batch& out, std::uint16_t kind, plan::Table table, const std::string& set) {
  begin_nft(out, kind, 0, table, nft_label(table, "set", set));
  out.put_text(NFTA_SET_TABLE, kTable);
  out.put_text(NFTA_SET_NAME, set);
}

NftKey element_key(const plan::Element& element) {
  NftKey key;
  bool range = false;
  const auto pad = [&](std::string& bytes) {
    if (element.key.size() > 1) bytes.append(nft_padded(bytes.size()) - bytes.size(), '\0');
  };
  for (const plan::Field& field : element.key) {
    append_field(key.first, field);
    if (const auto* prefix = std::get_if<net::Cidr>(&field); prefix && element.key.size() > 1) {
      range = true;
      key.last += prefix->last().bytes();
    } else {
      append_field(key.last, field);
    }
    pad(key.first);
    pad(key.last);
  }
  if (!range) key.last.clear();
  const auto* cidr = element.key.size() == 1 ? std::get_if<net::Cidr>(&element.key.front()) : nullptr;
  if (!cidr) return key;
  net::Ip behind = cidr->last();
  behind.value += 1;
  if (behind.family == net::Family::v4 ? behind.value >> 32 == 0 : behind.value != 0) key.end = behind.bytes();
  return key;
}

void put_elements(Batch& out, std::uint16_t kind, plan::Table table, const std::string& set,
                  std::span<const plan::Element> elements) {
  begin_nft(out, kind, kind == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, table,
            kind == NFT_MSG_GETSETELEM ? nft_label(table, "elements", set) : std::string());
  out.put_text(NFTA_SET_ELEM_LIST_TABLE, kTable);
  out.put_text(NFTA_SET_ELEM_LIST_SET, set);
  const std::size_t list = out.open_nest(NFTA_SET_ELEM_LIST_ELEMENTS);
  for (const plan::Element& element : elements) {
    const NftKey key = element_key(element);
    const std::size_t nest = out.open_nest(NFTA_LIST_ELEM);
    put_key(out, key.first, false);
    if (!key.last.empty()) put_key(out, key.last, false, NFTA_SET_ELEM_KEY_END);
    if (!element.jump.empty()) {
      const std::size_t data = out.open_nest(NFTA_SET_ELEM_DATA);
      put_verdict(out, NFT_JUMP, element.jump);
      out.close_nest(data);
    }
    out.close_nest(nest);
    if (key.end.empty()) continue;
    const std::size_t behind = out.open_nest(NFTA_LIST_ELEM);
    put_key(out, key.end, true);
    out.close_nest(behind);
  }
  out.close_nest(list);
}

}  // namespace trestle::kernel
