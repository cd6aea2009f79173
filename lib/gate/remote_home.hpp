// SPDX-License-Identifier: Apache-2.0
//
// What a limiter, a gate or a breaker that shares through Redis is made of.
#pragma once

#include <memory>

#include "gate/remote_openings.hpp"
#include "gate/remote_starts.hpp"
#include "tidegate/breaker.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate::internal {

// Why it cannot share so, or OK; OK for who does not.
Status check_redis(const LimiterOptions::Values& options);
Status check_redis(const BreakerOptions::Values& options);

// What a process goes on with by itself: all times as much longer as there are processes. The bursts
// stay, so that a weight which may be may be then too.
LimiterOptions::Values part_of_process(LimiterOptions::Values options);

// REQUIRES: check_redis() is OK.
RemoteSetup remote_setup(Loop& loop, const LimiterOptions::Values& options);
// Null for who does not share so.
std::shared_ptr<RemoteOpenings> remote_openings(const BreakerOptions::Values& options);

}  // namespace tidegate::internal
