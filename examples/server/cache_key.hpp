// SPDX-License-Identifier: Apache-2.0
//
// A cache key of several values, in an order that the caller keeps to. Each stands behind its
// length, so that no two lists of values make the same key: "1:4" "4:Audi".
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace server {

inline std::string cache_key(std::initializer_list<std::string_view> values) {
  std::string key;
  for (const std::string_view value : values) {
    key.append(std::to_string(value.size())).append(1, ':').append(value);
  }
  return key;
}

}  // namespace server
