#include "witness.h"

#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>

#include <memory>
#include <stdexcept>

#include "kernel/nft_message.h"

namespace trestle::test {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

int print_expression(nftnl_expr* expression, void* lines) {
  char line[512] = "";
  nftnl_expr_snprintf(line, sizeof line, expression, 0, 0);
  const std::string text = trimmed(std::string(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME)) + " " + line);
  static_cast<std::vector<std::string>*>(lines)->push_back("[ " + text + " ]");
  return 0;
}

int print_element(nftnl_set_elem* element, void* lines) {
  char line[512] = "";
  nftnl_set_elem_snprintf(line, sizeof line, element, 0, 0);
  static_cast<std::vector<std::string>*>(lines)->push_back(trimmed(line));
  return 0;
}

}  // namespace

std::vector<std::string> expressions(plan::Table table, const std::string& text) {
  kernel::Batch batch;
  kernel::put_rule(batch, {table, "c", {}, {}}, {1, text}, "trestle 0");
  const std::unique_ptr<nftnl_rule, Freed<nftnl_rule_free>> rule(nftnl_rule_alloc());
  if (nftnl_rule_nlmsg_parse(reinterpret_cast<const nlmsghdr*>(batch.bytes().data()), rule.get()) < 0)
    throw std::runtime_error("libnftnl cannot read the rule");
  std::vector<std::string> lines;
  nftnl_expr_foreach(rule.get(), print_expression, &lines);
  return lines;
}

std::vector<std::string> elements(const kernel::Batch& batch) {
  std::vector<std::string> lines;
  for (std::string_view bytes = batch.bytes(); !bytes.empty();) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
    const std::unique_ptr<nftnl_set, Freed<nftnl_set_free>> set(nftnl_set_alloc());
    if (nftnl_set_elems_nlmsg_parse(message, set.get()) < 0)
      throw std::runtime_error("libnftnl cannot read the elements");
    nftnl_set_elem_foreach(set.get(), print_element, &lines);
    bytes.remove_prefix(NLMSG_ALIGN(message->nlmsg_len));
  }
  return lines;
}

}  // namespace trestle::test
