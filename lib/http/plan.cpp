// SPDX-License-Identifier: Apache-2.0
#include "http/plan.hpp"

#include <algorithm>
#include <utility>

#include "http/rules.hpp"
#include "net/curl_url.hpp"
#include "tidegate/version.hpp"

namespace tidegate::internal {

namespace {

constexpr std::size_t kMaxHead = std::size_t{64} << 10;

// Beyond a day a time is no bound, and would not fit the clock.
Duration bounded(Duration time) noexcept {
  return std::clamp<Duration>(time, Duration::zero(), std::chrono::hours(24));
}

bool is_idempotent(const Request::Values& request) noexcept {
  if (request.idempotent) return *request.idempotent;
  if (request.headers.contains("Idempotency-Key")) return true;
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"};
  return std::find(std::begin(kMethods), std::end(kMethods), request.method) != std::end(kMethods);
}

// A server may refuse a POST that does not say how long it is.
bool always_has_body(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

void add_if_missing(Headers& headers, const char* name, std::string value) {
  if (!headers.contains(name)) headers.add(name, std::move(value));
}

}  // namespace

Result<HttpPlan> make_plan(const Request::Values& request, const ClientOptions::Values& options,
                           std::shared_ptr<const TransportTrust> trust) {
  Status status = check_method(request.method);
  if (status.ok()) status = check_fields(request.headers);
  if (status.ok() && request.method == "HEAD" && request.body) {
    status = Status(Cause::kBadArgument, "a HEAD has no body");
  }
  if (!status.ok()) return status;
  auto url = HttpUrl::parse(request.url);
  if (!url.ok()) return url.status();

  HttpPlan plan;
  plan.origin = std::move(url->origin);
  plan.pool_timeout = bounded(request.pool_timeout.value_or(options.pool_timeout));
  plan.timeout = bounded(request.timeout.value_or(options.timeout));
  plan.deadline = request.deadline;
  TransportRequest& wire = plan.wire;
  wire.method = request.method;
  wire.url = std::move(url->url);
  wire.shown = std::move(url->shown);
  wire.headers = request.headers;
  const std::string& agent = options.user_agent;
  add_if_missing(wire.headers, "User-Agent",
                 agent.empty() ? "tidegate/" + std::string(version()) : agent);
  add_if_missing(wire.headers, "Accept", "*/*");
  add_if_missing(wire.headers, "Accept-Encoding", "identity");
  wire.body = request.body;
  if (!wire.body && always_has_body(request.method)) wire.body = Bytes();
  wire.trust = std::move(trust);
  wire.most_sends = is_idempotent(request) ? 2 : 1;
  wire.connect_timeout = bounded(request.connect_timeout.value_or(options.connect_timeout));
  wire.attempt_timeout = bounded(request.attempt_timeout.value_or(options.attempt_timeout));
  wire.read_timeout = bounded(request.read_timeout.value_or(options.read_timeout));
  wire.max_head = kMaxHead;
  wire.max_body = request.max_body.value_or(options.max_body);
  return plan;
}

}  // namespace tidegate::internal
