// SPDX-License-Identifier: Apache-2.0
//
// exchange_in_turn(): one exchange of a request of a client: its server is told how much time is
// left, and where the client spaces its connections, one is opened in its turn.
#pragma once

#include <optional>

#include "http/core.hpp"
#include "http/plan.hpp"

namespace tidegate::internal {

// When the server wants to be asked again, where it says so.
std::optional<Duration> asked_by(const TransportReply& reply) noexcept;

// `wire` is the plan's, or a copy of it. All three stay until it has ended.
Task<TransportReply> exchange_in_turn(HttpCore* core, const HttpPlan* plan, TransportRequest* wire);

}  // namespace tidegate::internal
