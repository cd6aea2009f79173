// SPDX-License-Identifier: Apache-2.0
//
// HttpPlan: a request that was found good, as it will be sent. make_plan() is where a caller's words
// are checked, and where the client's settings fill in what they leave open: pure, on the caller's
// thread, before anything is opened.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ports/transport.hpp"
#include "http/environment.hpp"
#include "http/proxies.hpp"
#include "net/curl_url.hpp"
#include "tidegate/http.hpp"

namespace tidegate::internal {

class GateCore;

// Which field tells whom how much time is left: see deadline_field.hpp.
struct DeadlineField {
  std::string name;
  std::vector<std::string> hosts;
};

struct HttpPlan {
  TransportRequest wire;
  HttpUrl place;
  Duration pool_timeout{};
  Duration timeout{};  // from the start of the request
  Deadline deadline;   // the caller's own
  std::shared_ptr<const RetryPolicy::Values> retry;
  std::optional<bool> idempotent;  // what its caller said
  bool may_be_repeated = false;    // a server may act on it twice
  Ssrf ssrf = Ssrf::kRedirects;
  int most_redirects = 0;
  int redirects = 0;           // that were followed
  bool rotates = false;        // takes one of the client's proxies for each attempt
  bool keeps_cookies = false;  // in the client's jar, and sends them
  // What names the proxy of each place; null: nothing does.
  std::shared_ptr<const HttpEnvironment> environment;
  // What each attempt goes through; null: nothing but the pool.
  std::shared_ptr<GateCore> gate;
  // Whether a second request may go out beside one that is slow, and after how long; zero: as its
  // client has learnt.
  bool hedges = false;
  Duration hedge_delay{};
  // Empty: no field tells how much time is left.
  std::shared_ptr<const DeadlineField> tells;
  // Bytes that the body may decode to. Empty: it is handed over as it comes.
  std::optional<std::size_t> decodes_to;

  // What an attempt has at most until the head of its answer is there.
  Duration attempt_limit() const noexcept { return std::min(wire.attempt_timeout, timeout); }
  // For the method and the fields that it has now.
  void settle_repeats() noexcept;
  // Which requests share the bound of an origin: those to it that go the same way.
  const std::string& lane();
  static std::string lane_of(const HttpUrl& place, const TransportRoute* route);

 private:
  std::string lane_;  // where it has a route
};

// What all requests of a client share.
struct HttpDefaults {
  explicit HttpDefaults(const ClientOptions::Values& values);
  const ClientOptions::Values options;
  const std::shared_ptr<const TransportTrust> trust;
  const Result<std::vector<HttpRoute>> routes;
  const Result<HttpRoute> socket;                                    // null: none
  const Result<std::shared_ptr<const HttpEnvironment>> environment;  // null: not looked at
  const std::shared_ptr<const RetryPolicy::Values> retry;
  const std::shared_ptr<const DeadlineField> tells;
};

// kBadArgument where the request is no valid HTTP.
Result<HttpPlan> make_plan(const Request::Values& request, const HttpDefaults& defaults);

}  // namespace tidegate::internal
