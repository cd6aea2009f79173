// SPDX-License-Identifier: Apache-2.0
#include "http/place.hpp"

namespace tidegate::internal {

void HttpPlace::InWire::ended(const TransportReply& reply) noexcept {
  std::optional<GatePermit>& permit = place_->turn_.permit;
  if (!permit || reply.status.cause() == Cause::kCancelled) return;
  permit->timed(limit_, reply.status.ok() ? reply.timings.first_byte : Duration::zero());
  if (!reply.status.ok()) return permit->failure(reply.status.cause());
  permit->answered(reply.http_status, reply.headers);
}

}  // namespace tidegate::internal
