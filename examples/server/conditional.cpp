// SPDX-License-Identifier: Apache-2.0
#include "conditional.hpp"

#include <algorithm>

namespace server {

namespace {

std::string_view without_weakness(std::string_view tag) noexcept {
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  return tag;
}

}  // namespace

bool names(std::string_view list, std::string_view etag) noexcept {
  if (etag.empty()) return false;
  while (!list.empty()) {
    std::string_view tag = list.substr(0, list.find(','));
    list.remove_prefix(std::min(tag.size() + 1, list.size()));
    tag.remove_prefix(std::min(tag.find_first_not_of(" \t"), tag.size()));
    tag = tag.substr(0, tag.find_last_not_of(" \t") + 1);
    if (tag == "*" || without_weakness(tag) == without_weakness(etag)) return true;
  }
  return false;
}

Reply unchanged(Reply said) {
  said.status = 304;
  return said;
}

}  // namespace server
