// SPDX-License-Identifier: Apache-2.0
//
// HttpHedge: the first attempt of a request, and a second one beside it where the first is slow.
//
//   HttpHedge hedge(core, plan, attempts);
//   auto racing = hedge.run();
//   TransportReply came = co_await std::move(racing);
//
// The second begins when the first has taken as long as the plan or the client's HedgeDelay says, if
// a place is free for it at once, the client's retry budget has an attempt left, and its gate lets it
// in and has no breaker, or a closed one: it waits for nothing, so that hedges take nothing from
// requests. It has the next of the client's proxies. One that does not begin has taken none of these,
// and counts as no refusal.
//
// An answer that is not worth another attempt wins, whosever it is. One that is, and a failure, wait
// for the other; where none is good an answer counts before a failure, and the later one before the
// earlier. Who has lost is cancelled and not waited for; the rest of its answer is a cancelled
// request's (net/curl_drain.hpp). A first attempt that fails before the delay is a failed attempt,
// as ever.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "base/group.hpp"
#include "http/core.hpp"
#include "http/place.hpp"
#include "http/plan.hpp"
#include "retry/attempts.hpp"

namespace tidegate::internal {

class HttpHedge {
 public:
  // `wire` is what the first one sends, at its place.
  HttpHedge(const std::shared_ptr<HttpCore>& core, const HttpPlan& plan, TransportRequest& wire,
            HttpPlace::InWire& place, const Attempts& attempts) noexcept
      : core_(core),
        plan_(plan),
        attempts_(attempts),
        wires_{&wire, nullptr},
        places_{&place, nullptr} {}
  HttpHedge(const HttpHedge&) = delete;
  HttpHedge& operator=(const HttpHedge&) = delete;

  // Whether this plan may be asked for twice at once.
  static bool suits(const HttpPlan& plan) noexcept;

  // The reply of the one that won. Once.
  Task<TransportReply> run();

  // Whether there was a second one, and what is known of who has lost.
  bool began() const noexcept { return wires_[1] != nullptr; }
  bool second_won() const noexcept { return winner_ == 1; }
  const TransportReply& loser() const noexcept { return replies_[winner_ == 0 ? 1 : 0]; }
  const HttpProxies::Way& second_way() const noexcept { return way_; }

 private:
  static Task<int> race(Group& group, HttpHedge* self);
  Task<void> send(std::size_t which);
  // When the second begins, if the first has not ended.
  Deadline due(TimePoint now) const noexcept;
  Task<bool> begin_second();
  bool is_good(int which) const;
  int better(int earlier, int later) const noexcept;
  void learn(const Scope& scope) noexcept;

  const std::shared_ptr<HttpCore>& core_;
  const HttpPlan& plan_;
  const Attempts& attempts_;
  std::optional<TransportRequest> second_;
  std::optional<HttpPlace::InWire> place_;  // of the second, like its way
  HttpProxies::Way way_;
  std::array<TransportRequest*, 2> wires_;
  std::array<HttpPlace::InWire*, 2> places_;
  std::array<TransportReply, 2> replies_;
  Duration took_{};  // the first, until it came to its end or lost
  int winner_ = 0;
};

}  // namespace tidegate::internal
