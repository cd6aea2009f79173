// SPDX-License-Identifier: Apache-2.0
//
// CallOutcome: what the end of a call says about the service that was called. Nothing, where the call
// ended for a reason of this process (cancelled, refused, no memory, a bad argument), where the
// service answered that it is asked too often (429: that is for the limiter to hear), and where a
// deadline passed before the service had its time.
#pragma once

#include <cstdint>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::policy {

enum class CallOutcome : std::uint8_t { kSucceeded, kFailed, kNothing };

// `enough`: what a service may take. A deadline that passed sooner was the caller's.
inline CallOutcome outcome_of(Cause cause, Duration took, Duration enough) noexcept {
  if (cause == Cause::kNone) return CallOutcome::kSucceeded;
  if (cause_info(cause).local) return CallOutcome::kNothing;
  // Which status it was decides, and that is not known here.
  if (cause == Cause::kHttpStatus) return CallOutcome::kNothing;
  if (cause == Cause::kDeadline && took < enough) return CallOutcome::kNothing;
  return CallOutcome::kFailed;
}

inline CallOutcome outcome_of_http_status(int status) noexcept {
  if (status == 429) return CallOutcome::kNothing;
  return status >= 500 ? CallOutcome::kFailed : CallOutcome::kSucceeded;
}

}  // namespace tidegate::policy
