// SPDX-License-Identifier: Apache-2.0
//
// ProxyRotation: which of several proxies the next request takes. They go round: each serves a session
// of so many requests, then the next one its own. One that fails ends its session, and is set aside
// for a while, twice as long each time in a row:
//
//   serving ──failed──▶ set aside ──the time is over──▶ tried by one request ──worked──▶ serving
//                           ▲                                   │ failed
//                           └───────────────────────────────────┘
//
// Where all are set aside, the one whose time is over first serves: nothing is refused here.
//
//   const ProxyRotation::Turn turn = rotation.next(now);      // turn.proxy: its number
//   …
//   rotation.failed(turn, now);      // or worked(turn), or neither, where nothing is known of it
//
// Of many requests that one failure meets the first counts: what was taken before it says nothing
// about what came after. Pure: time is an argument. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class ProxyRotation {
 public:
  static constexpr Duration kSetAside = std::chrono::seconds(5);
  static constexpr Duration kLongest = std::chrono::minutes(5);

  struct Turn {
    std::size_t proxy = 0;
    std::uint64_t session = 0;  // from 0; no two sessions have the same
    std::uint32_t failures = 0;
  };

  // REQUIRES: there is a proxy. `per_session` 0: a session lasts until its proxy fails.
  ProxyRotation(std::size_t proxies, std::uint64_t per_session)
      : proxies_(proxies), per_session_(per_session) {}

  Turn next(TimePoint now) noexcept {
    if (is_over(now)) begin_session(now);
    ++served_;
    ++requests_;
    Proxy& proxy = proxies_[current_];
    // Nobody else, until it is known how this one fares.
    if (proxy.failures > 0) proxy.set_aside_until = now + pause(proxy.failures);
    return {current_, sessions_, proxy.failures};
  }

  // What next() would give. Takes nothing.
  Turn peek(TimePoint now) const noexcept {
    const bool begins = is_over(now);
    const std::size_t proxy = begins ? following(now) : current_;
    return {proxy, begins ? sessions_ + 1 : sessions_, proxies_[proxy].failures};
  }

  void failed(const Turn& turn, TimePoint now) noexcept {
    Proxy& proxy = proxies_[turn.proxy];
    if (proxy.failures != turn.failures) return;
    ++proxy.failures;
    proxy.set_aside_until = now + pause(proxy.failures);
  }

  void worked(const Turn& turn) noexcept {
    Proxy& proxy = proxies_[turn.proxy];
    if (proxy.failures == turn.failures) proxy = {};
  }

  std::uint64_t requests() const noexcept { return requests_; }
  // Sessions that followed another one.
  std::uint64_t rotations() const noexcept { return sessions_; }
  std::size_t current() const noexcept { return current_; }
  std::size_t size() const noexcept { return proxies_.size(); }
  // Those that are not set aside.
  std::size_t available(TimePoint now) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(proxies_.begin(), proxies_.end(),
                      [now](const Proxy& proxy) { return proxy.set_aside_until <= now; }));
  }

 private:
  struct Proxy {
    std::uint32_t failures = 0;  // in a row
    TimePoint set_aside_until = TimePoint::min();
  };

  static Duration pause(std::uint32_t failures) noexcept {
    const std::uint32_t doublings = std::min<std::uint32_t>(failures, 10) - 1;
    return std::min(kLongest, kSetAside * (1 << doublings));
  }

  bool is_available(std::size_t proxy, TimePoint now) const noexcept {
    return proxies_[proxy].set_aside_until <= now;
  }

  // Whether the session is.
  bool is_over(TimePoint now) const noexcept {
    return (per_session_ != 0 && served_ == per_session_) || !is_available(current_, now);
  }

  // The next in the round that may serve; where none may, the one that may first.
  std::size_t following(TimePoint now) const noexcept {
    std::size_t best = (current_ + 1) % size();
    for (std::size_t step = 1; step <= size(); ++step) {
      const std::size_t each = (current_ + step) % size();
      if (is_available(each, now)) return each;
      if (proxies_[each].set_aside_until < proxies_[best].set_aside_until) best = each;
    }
    return best;
  }

  void begin_session(TimePoint now) noexcept {
    current_ = following(now);
    served_ = 0;
    ++sessions_;
  }

  std::vector<Proxy> proxies_;
  const std::uint64_t per_session_;
  std::size_t current_ = 0;
  std::uint64_t served_ = 0;  // since the proxy was taken
  std::uint64_t requests_ = 0;
  std::uint64_t sessions_ = 0;
};

}  // namespace tidegate::policy
