// SPDX-License-Identifier: Apache-2.0
//
// What the rules of tidegate/lint.hpp find in the options of a client, with its gate's breaker.
#pragma once

#include "tidegate/http.hpp"

namespace tidegate::internal {

// The first that is refused, or OK; with the client's name.
Status contradiction_in(const ClientOptions::Values& options);
// Warnings in the log, once for each name.
void tell_of(const ClientOptions::Values& options) noexcept;

}  // namespace tidegate::internal
