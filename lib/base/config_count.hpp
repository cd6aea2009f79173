// SPDX-License-Identifier: Apache-2.0
//
// count(): a setting that is a number of things, of a Config or a Service.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tidegate::internal {

template <class Source>
std::size_t count(const Source& source, std::string_view key) {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, source.integer(key)));
}

}  // namespace tidegate::internal
