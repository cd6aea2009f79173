// SPDX-License-Identifier: Apache-2.0
#include "tidegate/version.hpp"

#define TIDEGATE_TEXT(x) #x
#define TIDEGATE_TEXT_OF(x) TIDEGATE_TEXT(x)

namespace tidegate {

std::string_view version() noexcept {
  return TIDEGATE_TEXT_OF(TIDEGATE_VERSION_MAJOR) "." TIDEGATE_TEXT_OF(
      TIDEGATE_VERSION_MINOR) "." TIDEGATE_TEXT_OF(TIDEGATE_VERSION_PATCH);
}

}  // namespace tidegate
