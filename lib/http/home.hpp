// SPDX-License-Identifier: Apache-2.0
//
// ClientHome: what a Client's copies and its requests share: the options, and the core of each
// process that uses them.
#pragma once

#include <atomic>
#include <memory>

#include "base/per_process.hpp"
#include "http/core.hpp"
#include "http/plan.hpp"

namespace tidegate::internal {

class ClientHome {
 public:
  explicit ClientHome(const ClientOptions& options);

  // Why it cannot work, or OK.
  const Status& status() const noexcept { return status_; }
  const std::shared_ptr<HttpCore>& here();

  Operation<Response> start(const Request::Values& request);
  Operation<ResponseStream> stream(const Request::Values& request);
  void close();

 private:
  // The plan of what can be started now.
  Result<HttpPlan> plan(const Request::Values& request);
  Result<HttpPlan> checked(const Request::Values& request);

  const HttpDefaults defaults_;
  const Status status_;
  std::atomic<bool> closed_{false};
  PerProcess<HttpCore> cores_;
};

}  // namespace tidegate::internal
