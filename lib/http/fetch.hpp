// SPDX-License-Identifier: Apache-2.0
//
// Fetch: one request of a client, as an operation. Each attempt waits for its turn and goes through
// the transport; between two it holds no place. It ends with a Response or with the reason why there
// is none.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/flow_operation.hpp"
#include "http/core.hpp"
#include "http/place.hpp"
#include "http/plan.hpp"
#include "retry/attempts.hpp"

namespace tidegate::internal {

class Fetch : public FlowOperation {
 public:
  // `now` is when the caller asked.
  static Operation<Response> start(std::shared_ptr<HttpCore> core, HttpPlan&& plan, TimePoint now);
  // One that has ended already.
  static Operation<Response> refused(std::shared_ptr<HttpCore> core, const Status& why);

  const void* result() const noexcept override { return &result_; }

  // Its memory goes from the loop to whoever begins the next one (base/block_shelf.hpp); that of a
  // derived class does not.
  static void* operator new(std::size_t size);
  static void operator delete(void* block, std::size_t size) noexcept;

 protected:
  Fetch(std::shared_ptr<HttpCore> core, HttpPlan&& plan, TimePoint begun);

  void settle(const Status& outcome) noexcept override;
  HttpCore& core() const noexcept { return *core_; }
  HttpPlan& plan() noexcept { return plan_; }
  const HttpPlan& plan() const noexcept { return plan_; }
  TimePoint begun() const noexcept { return begun_; }
  Result<Response>& outcome() noexcept { return result_; }
  std::string what() const { return plan_.wire.method + " " + plan_.wire.shown; }

  // Whether a reply with this head may still be followed by another one, to what is asked again.
  bool may_be_followed(const TransportReply& head) const;
  // The response of this head, which is the last one; once.
  Response hand_out(const TransportReply& head);

 private:
  // From hand_out() on what happens is the body's.
  bool is_handed_out() const noexcept { return is_handed_out_; }
  Task<void> flow() override;
  Task<void> try_once();
  Task<void> enter_pool(HttpTurn* turn);
  Task<void> enter_gate(HttpTurn* turn);
  Task<TransportReply> exchange(HttpPlace::InWire* in_wire);
  Task<TransportReply> exchange_hedged(HttpPlace::InWire* in_wire);
  void take_proxy();
  void count(const TransportReply& came, const HttpProxies::Way& way);
  void send_cookies();
  Tried tried(const TransportReply& reply) const;
  bool leads_on(const TransportReply& reply) const noexcept;
  bool is_led_on();
  Status reason(const Status& outcome, Duration total) const;
  Status not_let_in(Cause why) const;
  Response response(TransportReply& reply, int sent, Duration total);

  const std::shared_ptr<HttpCore> core_;
  HttpPlan plan_;
  const TimePoint begun_;
  bool has_begun_ = false;           // on the loop
  bool is_handed_out_ = false;       // its head
  bool is_refused_by_gate_ = false;  // the attempt that is under way
  bool is_hedged_ = false;           // a second one went beside its first attempt
  TimePoint tried_{};                // when the attempt began that is under way
  Attempts attempts_;                // at one place: where a redirect leads, they go on
  int sent_ = 0;                     // in all attempts, like the next two
  int connections_ = 0;
  HttpProxies::Way way_;
  std::optional<Duration> queued_;  // set once it had its turn
  Status refused_;                  // of the last attempt, like the reply
  TransportReply reply_;
  Result<Response> result_;
};

}  // namespace tidegate::internal
