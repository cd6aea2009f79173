// SPDX-License-Identifier: Apache-2.0
//
// SimRedis: a Redis in virtual time, and SimKv: one process's client of it (base/ports/kv.hpp).
//
//   SimLoop loop(seed);
//   SimRedis redis(loop);
//   auto kv = std::make_shared<SimKv>(redis);      // one for each process
//   redis.latency = {1ms, 5ms};
//   redis.go_down();  …  redis.come_up();
//
// A command takes a time drawn from `latency` to get there and another one to come back; it may be
// carried out though its reply is lost. Messages come in the order in which they were published, each
// after a time of its own; those under way are lost when the connection is.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ports/kv.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::test {

class SimKv;

class SimRedis {
 public:
  explicit SimRedis(SimLoop& loop) noexcept : loop_(loop) {}
  SimRedis(const SimRedis&) = delete;
  SimRedis& operator=(const SimRedis&) = delete;

  std::pair<Duration, Duration> latency{};
  Duration message_delay{};   // of what is published, besides
  unsigned failing = 0;       // so many commands of a hundred are refused
  unsigned replies_lost = 0;  // and so many are carried out, but their replies never come
  bool is_full = false;       // what writes is refused, as where maxmemory is reached
  std::string forbidden;      // commands of this name are refused: "get", "set" …

  void go_down();
  void come_up();
  bool is_down() const noexcept { return is_down_; }

  // What a replica or a snapshot has: the state of some time ago.
  struct State {
    struct Value {
      std::string bytes;
      TimePoint until;
    };
    std::map<std::string, Value> values;
    std::map<std::string, std::int64_t> numbers;  // without a life; erased, they are evicted
  };
  State& state() noexcept { return state_; }
  // Another server takes over: all connections break.
  void fail_over(State to);

  // For a test that looks on: what a command that tells something carries from its beginning, when it
  // is carried out, when its message has been heard, and when somebody hears everything again.
  std::function<int()> next_stamp = [] { return 0; };
  std::function<void(const std::string& message, int stamp)> on_told = [](auto&, int) {};
  std::function<void(const SimKv& by, const std::string& message, int stamp)> on_heard =
      [](auto&, auto&, int) {};
  std::function<void(const SimKv& by)> on_listening = [](auto&) {};

  int commands = 0;

 private:
  friend class SimKv;
  std::optional<std::string> value(const std::string& name);
  Duration left(const std::string& name);
  std::int64_t now() const;  // in microseconds
  void publish(const std::string& channel, const std::string& message, int stamp);
  Duration draw() { return loop_.rng().between(latency.first, latency.second); }

  SimLoop& loop_;
  State state_;
  bool is_down_ = false;
  std::vector<SimKv*> clients_;
};

class SimKv final : public internal::Kv, public std::enable_shared_from_this<SimKv> {
 public:
  explicit SimKv(SimRedis& redis) : redis_(redis) { redis.clients_.push_back(this); }
  SimKv(const SimKv&) = delete;
  SimKv& operator=(const SimKv&) = delete;
  ~SimKv() override;

  // Only this process is cut off.
  void cut_off();
  void reconnect();
  // Only its subscription breaks, and comes back by itself.
  void lose_subscription();
  // As before a fork: all ends, and begins again with the next verb.
  void rest();

  internal::Task<Result<internal::KvFound>> get(std::string name, std::string guard) override;
  internal::Task<Result<bool>> set(internal::KvSet what) override;
  internal::Task<Status> invalidate(internal::KvInvalidate what) override;
  internal::Task<Result<std::int64_t>> number(internal::KvNumber what) override;
  internal::Task<Result<std::int64_t>> raise(internal::KvNumber what) override;
  void listen(std::string channel, internal::KvListener& listener) override;
  void ignore(std::string_view channel, internal::KvListener& listener) noexcept override;
  bool up() const noexcept override { return !redis_.is_down_ && !is_cut_off_; }

 private:
  friend class SimRedis;
  struct Subscription {
    internal::KvListener* listener = nullptr;
    bool listens = false;
    int connection = 0;  // the number of times that it was made
    TimePoint last;      // when the message that comes last comes
  };

  internal::Task<Status> go_there(std::string command, bool writes);
  internal::Task<Status> come_back();
  void later(Duration time, std::function<void()> what);
  void connect();
  void disconnect();
  void deliver(const std::string& channel, const std::string& message, int stamp);

  SimRedis& redis_;
  bool is_cut_off_ = false;
  bool rests_ = false;
  std::map<std::string, Subscription, std::less<>> subscriptions_;
};

}  // namespace tidegate::test
