// SPDX-License-Identifier: Apache-2.0
//
// authorization(): the value of the field Authorization (RFC 7617, RFC 6750).
//
// Pure. No message has a user, a password or a token in it.
#pragma once

#include <string>

#include "tidegate/http.hpp"

namespace tidegate::internal {

// kBadArgument where it is none: a user with a colon, which would end there; a control character;
// a token that is empty or has anything but visible ASCII. REQUIRES: not kNone.
Result<std::string> authorization(const HttpAuth& auth);

}  // namespace tidegate::internal
