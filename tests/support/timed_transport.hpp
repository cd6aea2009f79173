// SPDX-License-Identifier: Apache-2.0
//
// TimedTransport: the Transport of a simulation that says of each request what is answered, and how
// long that takes. Where nothing else is said that is 200, to a request that was sent once.
//
//   const auto transport = std::make_shared<TimedTransport>(
//       loop, [](const TransportRequest& request, TransportReply& reply) -> Duration {
//         reply.body = Bytes(request.url);
//         return 10ms;
//       });
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "base/ports/transport.hpp"
#include "base/sleep.hpp"

namespace tidegate::test {

class TimedTransport final : public internal::Transport {
 public:
  using Answer =
      std::function<Duration(const internal::TransportRequest&, internal::TransportReply&)>;

  // `answer` is asked when a request comes.
  TimedTransport(internal::Loop& loop, Answer answer) : loop_(loop), answer_(std::move(answer)) {}

  internal::Task<internal::TransportReply> exchange(
      const internal::TransportRequest* request) override {
    begun.push_back(loop_.now());
    internal::TransportReply reply;
    reply.http_status = 200;
    reply.sends = 1;
    const Duration takes = answer_(*request, reply);
    most = std::max(most, ++inside_);
    const TimePoint when = loop_.now() + takes;
    const Cause woken = co_await internal::sleep_until(when);
    --inside_;
    if (woken != Cause::kNone) reply.status = Status(woken, "it was stopped");
    co_return reply;
  }
  void keep(std::size_t, std::size_t) noexcept override {}

  std::vector<TimePoint> begun;
  int most = 0;  // at once

 private:
  internal::Loop& loop_;
  const Answer answer_;
  int inside_ = 0;
};

}  // namespace tidegate::test
