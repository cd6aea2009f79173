// SPDX-License-Identifier: Apache-2.0
//
// unix_route(): a Unix socket as what requests go over, whatever host they name.
#pragma once

#include <memory>
#include <string>

#include "base/ports/transport.hpp"

namespace tidegate::internal {

// kBadArgument where it is no absolute path, or one that is too long for a socket's address.
Result<std::shared_ptr<const TransportRoute>> unix_route(const std::string& path);

}  // namespace tidegate::internal
