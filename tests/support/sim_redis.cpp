// SPDX-License-Identifier: Apache-2.0
#include "support/sim_redis.hpp"

#include <algorithm>
#include <functional>

#include "base/sleep.hpp"

namespace tidegate::test {

using internal::KvFound;
using internal::KvInvalidate;
using internal::KvNumber;
using internal::KvSet;
using internal::Task;

namespace {

// Happens once, at its time, outside any flow.
class Event final : public internal::Timer {
 public:
  explicit Event(std::function<void()> what) : what_(std::move(what)) {}
  ~Event() = default;

 private:
  void fired() noexcept override {
    const std::unique_ptr<Event> gone(this);
    what_();
  }
  const std::function<void()> what_;
};

Status unavailable() { return Status(Cause::kEngineUnavailable, "Redis is down"); }

}  // namespace

void SimRedis::go_down() {
  is_down_ = true;
  for (SimKv* const client : clients_) client->disconnect();
}

void SimRedis::come_up() {
  is_down_ = false;
  for (SimKv* const client : clients_) client->connect();
}

void SimRedis::fail_over(State to) {
  go_down();
  state_ = std::move(to);
  come_up();
}

std::optional<std::string> SimRedis::value(const std::string& name) {
  const auto known = state_.values.find(name);
  if (known == state_.values.end()) return std::nullopt;
  if (known->second.until > loop_.now()) return known->second.bytes;
  state_.values.erase(known);
  return std::nullopt;
}

Duration SimRedis::left(const std::string& name) {
  return value(name) ? state_.values.at(name).until - loop_.now() : Duration::zero();
}

std::int64_t SimRedis::now() const {
  return std::chrono::floor<std::chrono::microseconds>(loop_.now().time_since_epoch()).count();
}

void SimRedis::publish(const std::string& channel, const std::string& message, int stamp) {
  on_told(message, stamp);
  for (SimKv* const client : clients_) client->deliver(channel, message, stamp);
}

SimKv::~SimKv() { std::erase(redis_.clients_, this); }

void SimKv::later(Duration time, std::function<void()> what) {
  const std::weak_ptr<SimKv> self = weak_from_this();
  auto event = std::make_unique<Event>([self, what = std::move(what)] {
    if (const auto lives = self.lock()) what();
  });
  redis_.loop_.arm(*event.release(), redis_.loop_.now() + time);
}

void SimKv::cut_off() {
  is_cut_off_ = true;
  disconnect();
}

void SimKv::reconnect() {
  is_cut_off_ = false;
  connect();
}

void SimKv::lose_subscription() {
  disconnect();
  if (up()) connect();
}

void SimKv::rest() {
  rests_ = true;
  disconnect();
}

void SimKv::disconnect() {
  for (auto& [channel, subscription] : subscriptions_) {
    ++subscription.connection;
    if (!std::exchange(subscription.listens, false)) continue;
    later(Duration::zero(), [this, name = channel] {
      const auto known = subscriptions_.find(name);
      if (known != subscriptions_.end()) known->second.listener->deaf();
    });
  }
}

void SimKv::connect() {
  for (auto& [channel, subscription] : subscriptions_) {
    if (subscription.listens) continue;
    const int connection = ++subscription.connection;
    later(2 * redis_.draw(), [this, name = channel, connection] {
      const auto known = subscriptions_.find(name);
      if (known == subscriptions_.end() || known->second.connection != connection) return;
      known->second.listens = true;
      known->second.last = redis_.loop_.now();
      known->second.listener->listening();
      redis_.on_listening(*this);
    });
  }
}

void SimKv::deliver(const std::string& channel, const std::string& message, int stamp) {
  const auto known = subscriptions_.find(channel);
  if (known == subscriptions_.end() || !known->second.listens) return;
  Subscription& to = known->second;
  const int connection = to.connection;
  to.last = std::max(to.last, redis_.loop_.now() + redis_.message_delay + redis_.draw());
  later(to.last - redis_.loop_.now(), [this, channel, message, stamp, connection] {
    const auto still = subscriptions_.find(channel);
    if (still == subscriptions_.end() || still->second.connection != connection) return;
    still->second.listener->heard(message);
    redis_.on_heard(*this, message, stamp);
  });
}

void SimKv::listen(std::string channel, internal::KvListener& listener) {
  subscriptions_[std::move(channel)].listener = &listener;
  if (up()) connect();
}

void SimKv::ignore(std::string_view channel, internal::KvListener&) noexcept {
  const auto known = subscriptions_.find(channel);
  if (known != subscriptions_.end()) subscriptions_.erase(known);
}

Task<Status> SimKv::go_there(std::string command, bool writes) {
  if (!up()) co_return unavailable();
  if (std::exchange(rests_, false)) connect();
  ++redis_.commands;
  const TimePoint there = redis_.loop_.now() + redis_.draw();
  const Cause woken = co_await internal::sleep_until(there);
  if (woken != Cause::kNone) co_return Status(woken, "given up");
  if (!up()) co_return unavailable();
  if (writes && redis_.is_full) co_return Status(Cause::kEngineBusy, "Redis is full");
  if (command == redis_.forbidden || redis_.loop_.rng().chance(redis_.failing)) {
    co_return Status(Cause::kLocalResource, "refused");
  }
  co_return Status();
}

Task<Status> SimKv::come_back() {
  constexpr Duration kOwnDeadline = std::chrono::seconds(1);
  const bool is_lost = redis_.loop_.rng().chance(redis_.replies_lost);
  const Duration time = is_lost ? kOwnDeadline : redis_.draw();
  const TimePoint back = redis_.loop_.now() + time;
  const Cause woken = co_await internal::sleep_until(back);
  if (woken != Cause::kNone) co_return Status(woken, "given up");
  if (is_lost) co_return Status(Cause::kDeadline, "no reply");
  if (!up()) co_return unavailable();
  co_return Status();
}

Task<Result<KvFound>> SimKv::get(std::string name, std::string guard) {
  auto going = go_there("get", false);
  Status done = co_await std::move(going);
  if (!done.ok()) co_return done;
  KvFound found;
  found.value = redis_.value(name);
  found.left = redis_.left(name);
  found.guard = redis_.value(guard).value_or("");
  auto coming = come_back();
  done = co_await std::move(coming);
  if (!done.ok()) co_return done;
  co_return found;
}

Task<Result<bool>> SimKv::set(KvSet what) {
  auto going = go_there("set", true);
  Status done = co_await std::move(going);
  if (!done.ok()) co_return done;
  const bool stands = redis_.value(what.guard).value_or("") == what.guard_seen;
  if (stands) {
    redis_.state_.values[what.name] = {std::move(what.value), redis_.loop_.now() + what.life};
  }
  auto coming = come_back();
  done = co_await std::move(coming);
  if (!done.ok()) co_return done;
  co_return stands;
}

Task<Status> SimKv::invalidate(KvInvalidate what) {
  const int stamp = redis_.next_stamp();
  auto going = go_there("invalidate", true);
  const Status done = co_await std::move(going);
  if (!done.ok()) co_return done;
  redis_.state_.values[what.guard] = {what.token, redis_.loop_.now() + what.guard_life};
  redis_.state_.values.erase(what.name);
  redis_.publish(what.channel, what.message, stamp);
  auto coming = come_back();
  const Status answered = co_await std::move(coming);
  co_return answered;
}

Task<Result<std::int64_t>> SimKv::number(KvNumber what) {
  const int stamp = redis_.next_stamp();
  auto going = go_there("number", false);
  Status done = co_await std::move(going);
  if (!done.ok()) co_return done;
  auto known = redis_.state_.numbers.find(what.name);
  if (known == redis_.state_.numbers.end()) {
    auto again = go_there("raise", true);
    done = co_await std::move(again);
    if (!done.ok()) co_return done;
    known = redis_.state_.numbers.find(what.name);
  }
  std::int64_t number = what.least_begun(redis_.now());
  if (known != redis_.state_.numbers.end()) {
    number = known->second;
  } else {
    redis_.state_.numbers[what.name] = number;
    redis_.publish(what.channel, what.message, stamp);
  }
  auto coming = come_back();
  done = co_await std::move(coming);
  if (!done.ok()) co_return done;
  co_return number;
}

Task<Result<std::int64_t>> SimKv::raise(KvNumber what) {
  const int stamp = redis_.next_stamp();
  auto going = go_there("raise", true);
  Status done = co_await std::move(going);
  if (!done.ok()) co_return done;
  std::int64_t& known = redis_.state_.numbers[what.name];
  known = std::max(known + 1 + known % 2, what.least_raised(redis_.now()));
  const std::int64_t number = known;
  redis_.publish(what.channel, what.message, stamp);
  auto coming = come_back();
  done = co_await std::move(coming);
  if (!done.ok()) co_return done;
  co_return number;
}

}  // namespace tidegate::test
