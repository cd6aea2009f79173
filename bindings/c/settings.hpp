// SPDX-License-Identifier: Apache-2.0
//
// How a lane or a cache reads its settings: as the service that has its name.
#pragma once

#include <algorithm>
#include <string_view>

#include "tidegate/config.hpp"

namespace tidegate::c {

// Whether a service can be called so.
inline bool is_service(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, allowed);
}

// `read(source)` of the service that is called `name`, or of everybody where none can be.
template <class Read>
auto setting(const Config& config, std::string_view name, Read read) {
  return is_service(name) ? read(Service::from(config, name)) : read(config);
}

}  // namespace tidegate::c
