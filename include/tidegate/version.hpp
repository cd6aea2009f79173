// SPDX-License-Identifier: Apache-2.0
// The version of tidegate: SemVer. The C++ API is source-stable within a major version from 1.0 on.
#pragma once

#include <string_view>

#define TIDEGATE_VERSION_MAJOR 0
#define TIDEGATE_VERSION_MINOR 1
#define TIDEGATE_VERSION_PATCH 0

namespace tidegate {

// The version of the library that was linked, for example "0.1.0". Static; never empty.
std::string_view version() noexcept;

}  // namespace tidegate
