// SPDX-License-Identifier: Apache-2.0
//
// SimTransport: the Transport of simulations: replies that come after a time, drawn from the seed,
// and failures among them. The body is the URL, again and again, and encoded where that is asked
// for. It counts what is under way for each host, which is how a simulation sees what a server
// would: the rest of an answer that was given up too, which comes to its end after up to `rest`.
#pragma once

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/ports/rng.hpp"
#include "base/ports/transport.hpp"
#include "base/sleep.hpp"
#include "support/encode.hpp"

namespace tidegate::test {

class SimTransport final : public internal::Transport {
 public:
  SimTransport(internal::Loop& loop, std::uint64_t seed) : loop_(loop), rng_(seed) {}

  // The longest that a reply takes; how many of a hundred find no connection, lose it when the
  // request was sent, or get a 503, which may ask for time.
  Duration slowest = std::chrono::milliseconds(200);
  std::uint64_t refused = 5;
  std::uint64_t lost = 10;
  std::uint64_t busy = 15;
  // What an answer may still take after a cancel, as CurlDrain has it.
  Duration rest = std::chrono::milliseconds(100);
  std::uint64_t elsewhere = 10;  // are sent on, to "?on" of the same place
  // Of a hundred bodies, how many are encoded, and the longest one.
  unsigned encoded = 20;
  std::size_t longest = 200'000;

  internal::Task<internal::TransportReply> exchange(
      const internal::TransportRequest* request) override;
  void keep(std::size_t, std::size_t) noexcept override {}

  std::size_t under_way() const noexcept { return under_way_; }
  std::size_t most() const noexcept { return most_; }
  std::size_t most_of_one() const noexcept { return most_of_one_; }
  std::size_t begun() const noexcept { return begun_; }
  std::size_t sent_on() const noexcept { return sent_on_; }
  // Answers that went on after a cancel, so far.
  std::size_t drained() const noexcept { return drained_; }
  // How often a request to `url` reached its server.
  int delivered(const std::string& url) const {
    const auto found = delivered_.find(url);
    return found == delivered_.end() ? 0 : found->second;
  }

 private:
  void answer(const internal::TransportRequest& request, internal::TransportReply& reply);

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

  // The rest of an answer that nobody waits for.
  class Rest final : private internal::Timer {
   public:
    Rest(SimTransport& transport, std::unique_ptr<Presence> here, std::shared_ptr<const void> place)
        : transport_(transport), place_(std::move(place)), here_(std::move(here)) {}
    Rest(const Rest&) = delete;
    Rest& operator=(const Rest&) = delete;
    ~Rest() { transport_.loop_.disarm(*this); }
    void begin(Duration time) { transport_.loop_.arm(*this, transport_.loop_.now() + time); }

   private:
    void fired() noexcept override {
      transport_.rests_.remove_if([this](const Rest& each) { return &each == this; });
    }
    SimTransport& transport_;
    const std::shared_ptr<const void> place_;
    const std::unique_ptr<Presence> here_;  // goes before the place does
  };

  internal::Loop& loop_;
  internal::Rng rng_;
  std::list<Rest> rests_;
  std::map<std::string, std::size_t> hosts_;
  std::map<std::string, int> delivered_;
  std::size_t under_way_ = 0, most_ = 0, most_of_one_ = 0, begun_ = 0, sent_on_ = 0, drained_ = 0;
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

inline void SimTransport::answer(const internal::TransportRequest& request,
                                 internal::TransportReply& reply) {
  std::string text = request.url;
  while (rng_.chance(80) && text.size() * 2 <= longest) text += text;
  const std::string& encoding = encodings()[rng_.below(encodings().size())];
  const bool is_asked_for = request.headers.find("Accept-Encoding") != "identity";
  if (is_asked_for && rng_.chance(encoded)) {
    text = encode(encoding, text);
    reply.headers.add("Content-Encoding", field_of(encoding));
  }
  reply.body = Bytes(std::move(text));
}

inline internal::Task<internal::TransportReply> SimTransport::exchange(
    const internal::TransportRequest* request) {
  auto here = std::make_unique<Presence>(*this, request->url.substr(0, request->url.find('/', 7)));
  const Duration takes = rng_.between(Duration::zero(), slowest);
  const std::uint64_t what = rng_.below(100);
  internal::TransportReply reply;
  if (what < refused) {
    reply.status = Status(Cause::kConnect, "no connection");
    co_return reply;
  }
  ++delivered_[request->url];
  reply.sends = 1;
  reply.connections = 1;
  const TimePoint when = loop_.now() + takes;
  const Cause woken = co_await internal::sleep_until(when);
  if (woken != Cause::kNone) {
    reply.status = Status(woken, "it was stopped");
    if (woken == Cause::kCancelled && rng_.chance(70)) {
      ++drained_;
      rests_.emplace_back(*this, std::move(here), request->place);
      rests_.back().begin(rng_.between(Duration::zero(), rest));
    }
  } else if (what < refused + lost) {
    reply.status = Status(Cause::kConnectionLost, "the connection was lost");
  } else if (what < refused + lost + busy) {
    reply.http_status = 503;
    if (what % 3 == 0) reply.headers.add("Retry-After-Ms", std::to_string(what * 10));
    reply.body = Bytes(request->url);
  } else if (what < refused + lost + busy + elsewhere && !request->url.ends_with("?on")) {
    reply.http_status = 302;
    reply.headers.add("Location", "?on");
    ++sent_on_;
  } else {
    reply.http_status = 200;
    answer(*request, reply);
  }
  co_return reply;
}

}  // namespace tidegate::test
