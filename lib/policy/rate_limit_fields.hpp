// SPDX-License-Identifier: Apache-2.0
//
// What a server says of its limits in the fields of an answer: that nothing is left of one, and for
// how long. Read are
//
//   RateLimit: "hour";r=0;t=1200               draft-ietf-httpapi-ratelimit-headers-10, any policies
//   RateLimit: limit=100, remaining=0, reset=7                       its drafts 03 to 07
//   RateLimit-Remaining, RateLimit-Reset                             its drafts up to 06
//   X-RateLimit-Remaining, X-RateLimit-Reset, and X-Rate-Limit-…     what most services send
//   X-RateLimit-Reset-After
//
// A reset is in seconds, with a fraction or none, or the time itself, since 1970, in seconds or
// milliseconds: a number of more than thirty years is a time.
//
// Pure: the time is an argument; any thread. No value throws or is undefined: what cannot be read
// says nothing, the past is now, and what goes over a year is a year.
#pragma once

#include <optional>

#include "policy/retry_after.hpp"
#include "tidegate/headers.hpp"

namespace tidegate::policy {

// How long nothing is left; of several limits of which nothing is, the longest.
std::optional<Duration> nothing_left_for(const Headers& headers, WallTime now) noexcept;

// When the server wants to be asked again: as retry-after-ms says, or Retry-After, or, of an answer
// that refuses (429, 503) and has neither, as nothing_left_for().
std::optional<Duration> asked_wait(const Headers& headers, int status, WallTime now) noexcept;

}  // namespace tidegate::policy
