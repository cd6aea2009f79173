// SPDX-License-Identifier: Apache-2.0
//
// Fetch: one request of a client, as an operation. Each attempt waits for its turn and goes through
// the transport; between two it holds no place. It ends with a Response or with the reason why there
// is none.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/flow_operation.hpp"
#include "http/core.hpp"
#include "http/plan.hpp"
#include "retry/attempts.hpp"

namespace tidegate::internal {

class Fetch final : public FlowOperation {
 public:
  // `now` is when the caller asked.
  static Operation<Response> start(std::shared_ptr<HttpCore> core, HttpPlan plan, TimePoint now);
  // One that has ended already.
  static Operation<Response> refused(std::shared_ptr<HttpCore> core, const Status& why);

  const void* result() const noexcept override { return &result_; }

 private:
  Fetch(std::shared_ptr<HttpCore> core, HttpPlan plan, TimePoint begun);

  Task<void> flow() override;
  Task<void> try_once();
  Task<TransportReply> exchange_over_new_connection();
  void send_cookies();
  Tried tried() const;
  bool leads_on(const TransportReply& reply) const noexcept;
  bool is_led_on();
  void settle(const Status& outcome) noexcept override;
  Status reason(const Status& outcome, Duration total) const;
  Status not_let_in(Cause why) const;
  std::optional<Duration> asked() const noexcept;
  Response response(Duration total);
  std::string what() const { return plan_.wire.method + " " + plan_.wire.shown; }

  const std::shared_ptr<HttpCore> core_;
  HttpPlan plan_;
  const TimePoint begun_;
  bool has_begun_ = false;  // on the loop
  Attempts attempts_;       // at one place: where a redirect leads, they go on
  int sent_ = 0;            // in all attempts, like the next two
  int connections_ = 0;
  std::optional<Duration> queued_;  // set once it had its turn
  Status refused_;                  // of the last attempt, like the reply
  TransportReply reply_;
  Result<Response> result_;
};

}  // namespace tidegate::internal
