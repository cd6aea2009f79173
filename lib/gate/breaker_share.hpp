// SPDX-License-Identifier: Apache-2.0
//
// What breakers of one name on a host have in common: their words in the state file.
//
// Thread-safety: any thread.
#pragma once

#include "gate/breaker_words.hpp"
#include "tidegate/breaker.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

// For as long as the process lives. Refuses with kConfig what has no name of its own, a state
// directory that is not to be trusted, and rules that differ from those of others under the name.
Result<BreakerWords*> share_breaker(const BreakerOptions::Values& options);

}  // namespace tidegate::internal
