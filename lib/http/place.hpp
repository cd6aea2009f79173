// SPDX-License-Identifier: Apache-2.0
//
// HttpPlace: what a request has while it is under way: a slot of its client's pool, and its part of
// the metrics. Whoever uses its connection holds it too, so that the rest of an answer that its caller
// did not wait for still counts as one request under way (net/curl_drain.hpp).
//
//   const HttpPlace::InWire in_wire(plan.wire, core, std::move(slot));
//   … the exchange …                                        // which takes a copy where it goes on
//
// On the loop's thread. It keeps what it belongs to.
#pragma once

#include <memory>
#include <utility>

#include "base/ports/transport.hpp"
#include "http/core.hpp"

namespace tidegate::internal {

class HttpPlace {
 public:
  HttpPlace(std::shared_ptr<HttpCore> core, HttpSlot slot) noexcept
      : core_(std::move(core)), slot_(std::move(slot)) {
    core_->metrics().in_flight.add(1);
  }
  HttpPlace(const HttpPlace&) = delete;
  HttpPlace& operator=(const HttpPlace&) = delete;
  ~HttpPlace() { core_->metrics().in_flight.add(-1); }

  // The place of what is sent, for as long as its flow lives.
  class InWire {
   public:
    InWire(TransportRequest& wire, const std::shared_ptr<HttpCore>& core, HttpSlot slot)
        : place_(std::make_shared<HttpPlace>(core, std::move(slot))), wire_(wire) {
      // Where nobody waits for a place, a request that was given up keeps none from anybody.
      if (core->pool().limits().overflow == Overflow::kWait) wire_.place = place_;
    }
    InWire(const InWire&) = delete;
    InWire& operator=(const InWire&) = delete;
    ~InWire() { wire_.place.reset(); }

   private:
    const std::shared_ptr<HttpPlace> place_;
    TransportRequest& wire_;
  };

 private:
  const std::shared_ptr<HttpCore> core_;
  const HttpSlot slot_;
};

}  // namespace tidegate::internal
