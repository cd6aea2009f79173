// SPDX-License-Identifier: Apache-2.0
//
// The library's key table. docs/reference/config.md and the Python settings are tested against it.
#pragma once

#include <span>
#include <string_view>

#include "tidegate/config.hpp"

namespace tidegate::internal {

std::span<const KeyInfo> library_keys() noexcept;

// Whether an environment variable, without its prefix, is somebody else's and not a key.
bool is_reserved_variable(std::string_view name) noexcept;

}  // namespace tidegate::internal
