// SPDX-License-Identifier: Apache-2.0
// What a gate says to those it refuses.
#include <new>
#include <string>

#include "gate/gate_core.hpp"

namespace tidegate::internal {

namespace {

std::string some_of(std::size_t some, std::size_t all) {
  return std::to_string(some) + " of " + std::to_string(all);
}

}  // namespace

Status GateCore::text(Cause cause, const std::string& rest) const {
  return Status(cause, "gate '" + name_ + "': " + rest);
}

Status GateCore::too_late(Duration wait, Duration left) const noexcept try {
  return text(Cause::kRateLimited, "its turn would come in " + format_duration(wait) + "; " +
                                       format_duration(left) + " of the deadline are left")
      .with_retry_after(wait);
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "");
}

Status GateCore::no_start(const RemoteBooking& booked, Duration left) const noexcept try {
  if (booked.failure.ok()) return too_late(booked.local.wait, left);
  return text(booked.failure.cause(), std::string(booked.failure.message()));
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "");
}

Status GateCore::circuit_open(Duration retry_after) const noexcept try {
  return text(Cause::kCircuitOpen,
              "the breaker is open for another " + format_duration(retry_after))
      .with_retry_after(retry_after);
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "");
}

Status GateCore::queue_full() const noexcept try {
  return text(Cause::kQueueFull, std::to_string(most_waiting_) + " wait already");
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "");
}

// Its deadline has passed.
Status GateCore::no_turn(TimePoint now, GatePriority priority) noexcept try {
  if (slots_.inside() < slots_.limit()) return too_late(least_wait(now, priority), {});
  return text(
      Cause::kPoolTimeout,
      "its deadline passed before a slot was free: " + some_of(slots_.inside(), slots_.limit()) +
          " calls are inside, and " + std::to_string(slots_.waiting()) + " wait");
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "");
}

Status GateCore::refusal(Cause cause, Duration retry_after) const noexcept try {
  switch (cause) {
    case Cause::kCircuitOpen: return circuit_open(retry_after);
    case Cause::kRateLimited:
      return text(cause, "its turn would come in " + format_duration(retry_after))
          .with_retry_after(retry_after);
    case Cause::kPoolTimeout:
      return text(cause, "no slot is free: " + some_of(slots_.inside(), slots_.limit()) +
                             " calls are inside");
    case Cause::kEngineUnavailable:
      return text(cause, "its limits are shared, and could not be asked for");
    default: return text(cause, "it lets nobody in");
  }
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "");
}

}  // namespace tidegate::internal
