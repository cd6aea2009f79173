// SPDX-License-Identifier: Apache-2.0
//
// HttpCore: what the requests of one client share in one process: the loop they run on, the
// transport they go through, the pool they wait in, and the list of those that are under way. It
// knows ports alone, so that the simulation runs the same code.
#pragma once

#include <atomic>
#include <memory>

#include "base/ports/rng.hpp"
#include "base/ports/transport.hpp"
#include "http/cookie_jar.hpp"
#include "http/decode_body.hpp"
#include "http/http_metrics.hpp"
#include "http/pool.hpp"
#include "http/proxies.hpp"
#include "policy/connect_pace.hpp"
#include "policy/hedge.hpp"
#include "tidegate/http.hpp"

namespace tidegate::internal {

class HttpCore final : public std::enable_shared_from_this<HttpCore> {
 public:
  // `seed` is for the pauses between attempts.
  HttpCore(Loop& loop, std::shared_ptr<Transport> transport, const ClientOptions::Values& options,
           std::uint64_t seed, std::vector<HttpRoute> routes = {});

  Loop& loop() const noexcept { return loop_; }
  HttpMetrics& metrics() noexcept { return metrics_; }
  ClientStats stats() const;

  // Ends what is under way with kClosed, and whatever comes later. Any thread, does not wait.
  void close();

  // Any thread.
  CookieJar& cookies() noexcept { return cookies_; }

  // The rest is the loop's.
  Transport& transport() const noexcept { return *transport_; }
  HttpPool& pool() noexcept { return pool_; }
  HttpProxies& proxies() noexcept { return proxies_; }
  const RetryBudget& budget() const noexcept { return budget_; }
  policy::ConnectPace& connect_pace() noexcept { return connect_pace_; }
  policy::HedgeDelay& hedge_delay() noexcept { return hedge_delay_; }
  Rng& rng() noexcept { return rng_; }
  DecodeShare& decode_share() noexcept { return decode_share_; }
  bool closed() const noexcept { return closed_; }

  // A request that is under way, for as long as it lives.
  class Seat : private ListNode<Seat> {
   public:
    Seat(HttpCore& core, Scope& scope) noexcept : scope_(scope) { core.seats_.push_back(*this); }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat() { unlink(); }

   private:
    friend class HttpCore;
    friend class IntrusiveList<Seat>;
    Scope& scope_;
  };

 private:
  class Closing;
  void close_now() noexcept;

  Loop& loop_;
  const std::shared_ptr<Transport> transport_;
  HttpMetrics metrics_;
  HttpPool pool_;
  HttpProxies proxies_;
  const RetryBudget budget_;
  policy::ConnectPace connect_pace_;
  policy::HedgeDelay hedge_delay_;
  Rng rng_;
  DecodeShare decode_share_;
  CookieJar cookies_;
  IntrusiveList<Seat> seats_;
  bool closed_ = false;
};

}  // namespace tidegate::internal
