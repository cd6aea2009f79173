// SPDX-License-Identifier: Apache-2.0
#include "http/core.hpp"

#include <utility>

#include "retry/attempts.hpp"

namespace tidegate::internal {

class HttpCore::Closing final : public Message {
 public:
  explicit Closing(std::shared_ptr<HttpCore> core) noexcept : core_(std::move(core)) {}
  void run() noexcept override {
    core_->close_now();
    delete this;
  }

 private:
  const std::shared_ptr<HttpCore> core_;
};

HttpCore::HttpCore(Loop& loop, std::shared_ptr<Transport> transport,
                   const ClientOptions::Values& options, std::uint64_t seed,
                   std::vector<HttpRoute> routes)
    : loop_(loop),
      transport_(std::move(transport)),
      metrics_(options.name),
      pool_({.most = options.max_connections,
             .most_per_origin = options.max_connections_per_origin,
             .most_waiting = options.queue,
             .most_idle = options.max_idle_connections,
             .overflow = options.overflow},
            metrics_.waiting),
      proxies_(std::move(routes), options.proxy_session, seed),
      budget_(budget_of(options.retry.values())),
      connect_pace_(options.connects_per_second),
      rng_(seed),
      decode_share_(loop) {}

ClientStats HttpCore::stats() const {
  ClientStats stats;
  stats.requests = metrics_.requests.value();
  stats.responses = metrics_.responses.value();
  stats.failures = metrics_.failures.value();
  stats.opened = metrics_.opened.value();
  stats.reused = metrics_.reused.value();
  stats.resent = metrics_.resent.value();
  stats.retries = metrics_.retries.value();
  stats.out_of_budget = metrics_.out_of_budget.value();
  stats.hedges = metrics_.hedges.value();
  stats.hedge_wins = metrics_.hedge_wins.value();
  stats.in_flight = static_cast<std::size_t>(metrics_.in_flight.value());
  stats.waiting = static_cast<std::size_t>(metrics_.waiting.value());
  stats.proxies = proxies_.stats(Deadline::now());
  return stats;
}

// A loop that takes no message has ended everything by itself.
void HttpCore::close() {
  auto closing = std::make_unique<Closing>(shared_from_this());
  if (loop_.post(*closing)) static_cast<void>(closing.release());
}

// No request ends inside a cancel, so the list stands still.
void HttpCore::close_now() noexcept {
  closed_ = true;
  for (Seat* seat = seats_.empty() ? nullptr : &seats_.front(); seat; seat = seats_.after(*seat)) {
    seat->scope_.cancel(Cause::kClosed);
  }
}

}  // namespace tidegate::internal
