// SPDX-License-Identifier: Apache-2.0
//
// A Share by the name that it has in settings, which allow no other.
#pragma once

#include <string_view>

#include "tidegate/share.hpp"

namespace tidegate::internal {

inline Share share_called(std::string_view name) noexcept {
  if (name == "host") return Share::kHost;
  return name == "redis" ? Share::kRedis : Share::kProcess;
}

}  // namespace tidegate::internal
