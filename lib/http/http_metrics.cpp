// SPDX-License-Identifier: Apache-2.0
#include "http/http_metrics.hpp"

namespace tidegate::internal {

namespace {

// Those by which a request usually ends; all others are counted as one.
constexpr Cause kUsual[] = {Cause::kCancelled,
                            Cause::kClosed,
                            Cause::kDeadline,
                            Cause::kQueueFull,
                            Cause::kBadArgument,
                            Cause::kTooLarge,
                            Cause::kDns,
                            Cause::kConnect,
                            Cause::kTls,
                            Cause::kConnectionLost,
                            Cause::kProtocol,
                            Cause::kConnectTimeout,
                            Cause::kAttemptTimeout,
                            Cause::kReadTimeout,
                            Cause::kPoolTimeout,
                            Cause::kProxy,
                            Cause::kProxyAuth};

Counter& ended_as(const MetricsOf& of, std::string_view outcome) {
  return of.counter("http.ended", {"outcome", std::string(outcome)}, "Requests that ended, by how");
}

}  // namespace

HttpMetrics::HttpMetrics(const std::string& client) : HttpMetrics(MetricsOf("client", client)) {}

HttpMetrics::HttpMetrics(const MetricsOf& of)
    : requests(of.counter("http.requests", "Requests started")),
      responses(of.counter("http.responses", "Requests that ended with a response")),
      failures(of.counter("http.failures", "Requests that ended without one")),
      opened(of.counter("http.opened", "Connections opened")),
      reused(of.counter("http.reused", "Responses over a kept connection")),
      resent(of.counter("http.resent", "Requests sent again over a new connection")),
      retries(of.counter("http.retries", "Further attempts")),
      paced(of.counter("http.paced", "Connections that waited for their turn to be opened")),
      out_of_budget(of.counter("http.out_of_budget",
                               "Requests without a further attempt for want of budget")),
      hedges(of.counter("http.hedges", "Second requests beside a first that was slow")),
      hedge_wins(of.counter("http.hedge_wins", "Of those, how many answered first")),
      in_flight(of.gauge("http.in_flight", "Requests that have a connection, or open one")),
      waiting(of.gauge("http.waiting", "Requests that wait for their turn")),
      queue_time(of.histogram("http.queue_time", "From the start of a request to its turn")),
      time(of.histogram("http.time", "From the start of a request to its end")) {
  outcomes_.fill(&ended_as(of, "other"));
  outcomes_[0] = &ended_as(of, "response");
  for (const Cause cause : kUsual) {
    outcomes_[static_cast<std::size_t>(cause)] = &ended_as(of, cause_info(cause).name);
  }
}

void HttpMetrics::ended(const Status& outcome, Duration total) noexcept {
  (outcome.ok() ? responses : failures).add();
  outcomes_[static_cast<std::size_t>(outcome.cause())]->add();
  time.record(total);
}

}  // namespace tidegate::internal
