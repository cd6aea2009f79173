// SPDX-License-Identifier: Apache-2.0
//
// SimTransport: the Transport of simulations: replies that come after a time, drawn from the seed,
// and failures among them. It counts what is under way for each host, which is how a simulation
// sees what a server would.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "base/ports/rng.hpp"
#include "base/ports/transport.hpp"
#include "base/sleep.hpp"

namespace tidegate::test {

class SimTransport final : public internal::Transport {
 public:
  SimTransport(internal::Loop& loop, std::uint64_t seed) : loop_(loop), rng_(seed) {}

  // The longest that a reply takes, and how many of a hundred fail.
  Duration slowest = std::chrono::milliseconds(200);
  std::uint64_t failures = 10;

  internal::Task<internal::TransportReply> exchange(internal::TransportRequest request) override;
  void keep(std::size_t) noexcept override {}

  std::size_t under_way() const noexcept { return under_way_; }
  std::size_t most() const noexcept { return most_; }
  std::size_t most_of_one() const noexcept { return most_of_one_; }
  std::size_t begun() const noexcept { return begun_; }

 private:
  class Presence {
   public:
    Presence(SimTransport& transport, const std::string& host);
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;
    ~Presence();

   private:
    SimTransport& transport_;
    std::size_t& of_host_;
  };

  internal::Loop& loop_;
  internal::Rng rng_;
  std::map<std::string, std::size_t> hosts_;
  std::size_t under_way_ = 0, most_ = 0, most_of_one_ = 0, begun_ = 0;
};

inline SimTransport::Presence::Presence(SimTransport& transport, const std::string& host)
    : transport_(transport), of_host_(transport.hosts_[host]) {
  ++transport_.begun_;
  transport_.most_ = std::max(transport_.most_, ++transport_.under_way_);
  transport_.most_of_one_ = std::max(transport_.most_of_one_, ++of_host_);
}

inline SimTransport::Presence::~Presence() {
  --of_host_;
  --transport_.under_way_;
}

inline internal::Task<internal::TransportReply> SimTransport::exchange(
    internal::TransportRequest request) {
  const Presence here(*this, request.url);
  const Duration takes = rng_.between(Duration::zero(), slowest);
  const bool fails = rng_.below(100) < failures;
  internal::TransportReply reply;
  reply.sends = 1;
  reply.connections = 1;
  const TimePoint when = loop_.now() + takes;
  const Cause woken = co_await internal::sleep_until(when);
  if (woken != Cause::kNone) {
    reply.status = Status(woken, "it was stopped");
  } else if (fails) {
    reply.status = Status(Cause::kConnectionLost, "the connection was lost");
  } else {
    reply.http_status = 200;
    reply.body = Bytes(request.url);
  }
  co_return reply;
}

}  // namespace tidegate::test
