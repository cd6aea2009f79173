// SPDX-License-Identifier: Apache-2.0
//
// Fetch: one request of a client, as an operation: it waits for its turn, goes through the
// transport, and ends with a Response or with the reason why there is none.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/flow_operation.hpp"
#include "http/core.hpp"
#include "http/plan.hpp"

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
  void settle(const Status& outcome) noexcept override;
  Status reason(const Status& outcome, Duration total) const;
  Status not_let_in(Cause why) const;
  Response response(Duration total);
  std::string what() const { return method_ + " " + shown_; }

  const std::shared_ptr<HttpCore> core_;
  HttpPlan plan_;
  const std::string method_;  // the transport takes the request away
  const std::string shown_;
  const TimePoint begun_;
  bool has_begun_ = false;  // on the loop
  Status refused_;
  std::optional<Duration> queued_;  // set once it had its turn
  TransportReply reply_;
  Result<Response> result_;
};

}  // namespace tidegate::internal
