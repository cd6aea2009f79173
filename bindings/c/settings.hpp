// SPDX-License-Identifier: Apache-2.0
//
// How a lane or a cache reads its settings: as the service that has its name.
#pragma once

#include <algorithm>
#include <string_view>

#include "tidegate/config.hpp"

namespace tidegate::c {

// `read(source)` of the service that is called `name`, or of everybody where none can be.
template <class Read>
auto setting(const Config& config, std::string_view name, Read read) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  const bool named = name.size() <= 64 && std::ranges::all_of(name, allowed);
  return named ? read(Service::from(config, name)) : read(config);
}

}  // namespace tidegate::c
