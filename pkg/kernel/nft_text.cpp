#include "kernel/nft_text.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace trestle::kernel {
namespace {

// Numbers of the hooks: NF_INET_* and NF_BR_* agree.
constexpr NftSymbol kHooks[] = {{"prerouting", 0}, {"input", 1}, {"forward", 2}, {"output", 3}, {"postrouting", 4}};
constexpr std::string_view kChainTypes[] = {"filter", "nat"};
constexpr std::size_t kMaxName = 255;  // NFT_NAME_MAXLEN with its NUL is 256

using Words = std::span<const std::string>;

std::string object_name(const std::string& word) {
  if (word.empty() || word.size() > kMaxName)
    throw base::Error(base::Code::bug, "bad name '" + base::printable(word) + "'");
  return word;
}

// TYPE[ . TYPE]...; leaves in `rest` what follows.
std::vector<const NftTypeInfo*> read_key(Words words, Words& rest) {
  std::vector<const NftTypeInfo*> key;
  for (;;) {
    const NftTypeInfo* type = words.empty() ? nullptr : find_set_type(words.front());
    if (!type)
      throw base::Error(base::Code::bug,
                        "unknown type '" + (words.empty() ? "" : base::printable(words.front())) + "'");
    key.push_back(type);
    words = words.subspan(1);
    if (words.empty() || words.front() != ".") break;
    words = words.subspan(1);
  }
  rest = words;
  return key;
}

NftSet read_set(plan::Table table, Words words, bool map) {
  NftSet set{table, object_name(words[1]), {}, false, map, {}};
  Words rest;
  set.key = read_key(words.subspan(2), rest);
  if (map && rest.size() > 1 && rest[0] == ":" && rest[1] != "verdict") {
    set.verdicts = false;
    set.data = read_key(rest.subspan(1), rest);
    if (rest.empty()) return set;
  }
  const std::string tail = base::join({rest.begin(), rest.end()}, " ");
  set.interval = !map && tail == "interval";
  set.counted = !map && tail == "counter";
  if (!set.interval && !set.counted && tail != (map ? ": verdict" : ""))
    throw base::Error(base::Code::bug, "'" + base::printable(tail) + "' after the type");
  return set;
}

NftChain read_chain(plan::Table table, Words words) {
  NftChain chain{table, object_name(words[1]), {}, {}};
  if (words.size() == 2) return chain;
  if (words.size() != 5) throw base::Error(base::Code::bug, "a chain is NAME, or NAME TYPE HOOK PRIORITY");
  NftHook base{words[2], 0, 0};
  const auto hook = std::ranges::find(kHooks, words[3], &NftSymbol::word);
  const std::string& number = words[4];
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), base.priority);
  if (std::ranges::find(kChainTypes, words[2]) == std::end(kChainTypes) || hook == std::end(kHooks) ||
      error != std::errc{} || end != number.data() + number.size())
    throw base::Error(base::Code::bug, "unknown type, hook or priority of a chain");
  base.hook = hook->value;
  chain.base = base;
  return chain;
}

struct Reader {
  NftRuleset out;
  bool in_chain = false;

  void line(std::string_view text, std::size_t number) {
    if (text.starts_with("  ")) {
      if (!in_chain) throw base::Error(base::Code::bug, "a rule outside a chain");
      out.chains.back().rules.push_back({number, text.substr(2)});
      return;
    }
    const std::vector<std::string> words = base::split(text, ' ');
    const std::string& kind = words.front();
    in_chain = kind == "chain";
    if (kind == "table" && words.size() == 2 && (words[1] == "inet" || words[1] == "bridge")) {
      const plan::Table table = words[1] == "inet" ? plan::Table::inet : plan::Table::bridge;
      std::erase(out.tables, table);
      out.tables.push_back(table);
      return;
    }
    if (words.size() < 2 || (kind != "set" && kind != "map" && kind != "chain"))
      throw base::Error(base::Code::bug, "neither table, set, map, chain nor an indented rule");
    if (out.tables.empty()) throw base::Error(base::Code::bug, kind + " before any table");
    if (in_chain)
      out.chains.push_back(read_chain(out.tables.back(), words));
    else
      out.sets.push_back(read_set(out.tables.back(), words, kind == "map"));
  }
};

}  // namespace

NftRuleset parse_rules(const plan::Rules& rules) {
  Reader reader;
  std::size_t number = 0;
  for (std::string_view rest = rules.text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.empty()) continue;
    base::in_context("rules " + rules.name + " line " + std::to_string(number), [&] { reader.line(line, number); });
  }
  return std::move(reader.out);
}

std::string_view family_name(plan::Table table) { return table == plan::Table::inet ? "inet" : "bridge"; }

std::string rules_comment(const plan::Rules& rules) { return "trestle " + base::hex(base::hash64(rules.text), 16); }

}  // namespace trestle::kernel
