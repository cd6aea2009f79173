// SPDX-License-Identifier: Apache-2.0
//
// HttpPlace: what a request has while it is under way: a slot of its client's pool, the permit of its
// gate, and its part of the metrics. Whoever uses its connection holds it too, so that the rest of an
// answer that its caller did not wait for still counts as one request under way
// (net/curl_drain.hpp).
//
//   HttpPlace::InWire in_wire(plan.wire, core, std::move(turn), plan.attempt_limit());
//   … the exchange …                                        // which takes a copy where it goes on
//   in_wire.ended(reply);
//
// On the loop's thread. It keeps what it belongs to.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/ports/transport.hpp"
#include "http/core.hpp"
#include "tidegate/gate.hpp"

namespace tidegate::internal {

// What is needed to begin: a slot, and a permit where there is a gate.
struct HttpTurn {
  std::optional<HttpSlot> slot;
  std::optional<GatePermit> permit;
};

class HttpPlace {
 public:
  // REQUIRES: the turn has a slot.
  HttpPlace(std::shared_ptr<HttpCore> core, HttpTurn turn) noexcept
      : core_(std::move(core)), turn_(std::move(turn)) {
    core_->metrics().in_flight.add(1);
  }
  HttpPlace(const HttpPlace&) = delete;
  HttpPlace& operator=(const HttpPlace&) = delete;
  ~HttpPlace() { core_->metrics().in_flight.add(-1); }

  // The place of what is sent, for as long as its flow lives.
  class InWire {
   public:
    // `limit`: what it has until the head of its answer is there.
    InWire(TransportRequest& wire, const std::shared_ptr<HttpCore>& core, HttpTurn turn,
           Duration limit)
        : place_(std::make_shared<HttpPlace>(core, std::move(turn))), wire_(wire), limit_(limit) {
      // Where nobody waits for a place, a request that was given up keeps none from anybody.
      if (core->pool().limits().overflow == Overflow::kWait) wire_.place = place_;
    }
    InWire(const InWire&) = delete;
    InWire& operator=(const InWire&) = delete;
    ~InWire() { wire_.place.reset(); }

    // Tells the gate what came. One that was cancelled tells nothing, and its permit goes with the
    // rest of its answer.
    void ended(const TransportReply& reply) noexcept;

   private:
    const std::shared_ptr<HttpPlace> place_;
    TransportRequest& wire_;
    const Duration limit_;
  };

 private:
  const std::shared_ptr<HttpCore> core_;
  HttpTurn turn_;
};

}  // namespace tidegate::internal
