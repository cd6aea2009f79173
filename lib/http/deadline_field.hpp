// SPDX-License-Identifier: Apache-2.0
//
// The field in which a service is told how long its caller still waits, so that it does not work on
// for nobody. It is a duration and no point in time, because two clocks differ, and goes to the
// hosts alone that are listed: it tells of its caller, and others may read it as they like.
//
// Pure.
#pragma once

#include <string>

#include "http/plan.hpp"

namespace tidegate::internal {

// "1500ms"; "1500" where the name ends with "-ms" (x-envoy-expected-rq-timeout-ms). Rounded down,
// so that nobody believes in more than there is, but not to nothing.
std::string deadline_value(std::string_view name, Duration left);

// Sets the field of what a plan sends, where it has one, for the host it leads to now; takes it away
// for others.
void tell_deadline(const HttpPlan& plan, TransportRequest& wire, Duration left);

// OK, or why the name is none of a field that a client may send.
Status check_deadline_header(const std::string& name);

}  // namespace tidegate::internal
