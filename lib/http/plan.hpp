// SPDX-License-Identifier: Apache-2.0
//
// HttpPlan: a request that was found good, as it will be sent. make_plan() is where a caller's words
// are checked, and where the client's settings fill in what they leave open: pure, on the caller's
// thread, before anything is opened.
#pragma once

#include <memory>
#include <string>

#include "base/ports/transport.hpp"
#include "tidegate/http.hpp"

namespace tidegate::internal {

struct HttpPlan {
  TransportRequest wire;
  std::string origin;
  Duration pool_timeout{};
  Duration timeout{};  // from the start of the request
  Deadline deadline;   // the caller's own
  std::shared_ptr<const RetryPolicy::Values> retry;
  bool may_be_repeated = false;  // a server may act on it twice
};

// What all requests of a client share.
struct HttpDefaults {
  explicit HttpDefaults(const ClientOptions::Values& values);
  const ClientOptions::Values options;
  const std::shared_ptr<const TransportTrust> trust;
  const std::shared_ptr<const RetryPolicy::Values> retry;
};

// kBadArgument where the request is no valid HTTP.
Result<HttpPlan> make_plan(const Request::Values& request, const HttpDefaults& defaults);

}  // namespace tidegate::internal
