// SPDX-License-Identifier: Apache-2.0
#include "gate/redis_limits.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tidegate::internal {

namespace {

using Kind = RedisReply::Kind;
using policy::Limit;
using Microseconds = std::chrono::microseconds;

constexpr Duration kClockHolds = std::chrono::minutes(1);

std::string text_of(Duration time) {
  return std::to_string(std::chrono::ceil<Microseconds>(std::max(time, Duration::zero())).count());
}

std::string interval_of(Duration time) {
  return text_of(std::max<Duration>(time, Microseconds(1)));
}

Limit limit_of(const LimiterOptions::Rate& rate) noexcept {
  return rate.is_strict ? Limit::strict(rate.permits, rate.per, rate.burst)
                        : Limit::rate(rate.permits, rate.per, rate.burst);
}

// Old servers let no script write after it has asked for the time.
bool is_for_want_of_time(const Result<RedisReply>& reply) {
  if (!reply.ok()) {
    return reply.status().message().find("non deterministic") != std::string_view::npos;
  }
  return reply->kind == Kind::kArray && reply->elements.size() == 1 &&
         reply->elements[0] == RedisReply{.kind = Kind::kInteger, .integer = -1};
}

bool is_time(const RedisReply& reply, std::int64_t least) noexcept {
  constexpr std::int64_t kMost =
      std::chrono::duration_cast<Microseconds>(2 * Limit::kLongest).count();
  return reply.kind == Kind::kInteger && reply.integer >= least && reply.integer <= kMost;
}

Status unexpected() {
  return Status(Cause::kDecode, "Redis answered a limiter's script with something else");
}

}  // namespace

std::string RedisLimits::rates_of(const LimiterOptions::Values& options) {
  if (options.rates.empty() && !options.pace.is_set) return "1 1000000000 0";  // a penalty alone
  std::string text;
  for (const LimiterOptions::Rate& rate : options.rates) {
    if (!text.empty()) text += ' ';
    text += interval_of(limit_of(rate).interval()) + ' ' + std::to_string(rate.burst);
    text += rate.is_strict ? " 1" : " 0";
  }
  return text;
}

std::string RedisLimits::pace_of(const LimiterOptions::Values& options) {
  const LimiterOptions::Pace& pace = options.pace;
  if (!pace.is_set) return {};
  return interval_of(pace.interval) + ' ' + text_of(pace.jitter) + ' ' +
         std::to_string(pace.every) + ' ' + text_of(pace.least_pause) + ' ' +
         text_of(pace.most_pause);
}

RedisLimits::RedisLimits(Loop& loop, std::shared_ptr<RedisClient> redis,
                         const LimiterOptions::Values& options)
    : loop_(loop),
      redis_(std::move(redis)),
      key_(key_of(options.name)),
      pace_(pace_of(options)),
      rates_(rates_of(options)),
      count_(std::max<std::size_t>(1, options.rates.size() + (options.pace.is_set ? 1 : 0))) {}

Task<Result<RemoteLimits::Answer>> RedisLimits::book(std::uint32_t weight, Duration most_wait,
                                                     Duration hold) {
  std::vector<std::string> arguments{"book", "", pace_, rates_, std::to_string(weight)};
  const Duration most = std::clamp(most_wait, Duration::zero(), Limit::kLongest);
  // Rounded down: a start beyond it would be too late.
  arguments.push_back(std::to_string(std::chrono::duration_cast<Microseconds>(most).count()));
  arguments.push_back(text_of(hold));
  auto asking = ask(std::move(arguments));
  auto reply = co_await std::move(asking);
  if (!reply.ok()) co_return reply.status();
  co_return answer_in(*reply);
}

Task<Result<bool>> RedisLimits::give_back(Ticket ticket) {
  std::vector<std::string> arguments{
      "back", "", pace_, rates_, std::move(ticket.after), std::move(ticket.before)};
  auto asking = ask(std::move(arguments));
  const auto reply = co_await std::move(asking);
  if (!reply.ok()) co_return reply.status();
  const bool is_answer = reply->kind == Kind::kArray && reply->elements.size() == 1 &&
                         reply->elements[0].kind == Kind::kInteger;
  if (!is_answer) co_return unexpected();
  co_return reply->elements[0].integer == 1;
}

Task<Status> RedisLimits::began_late(Ticket ticket, Duration by) {
  std::vector<std::string> arguments{"late",     "", pace_, rates_, std::move(ticket.after),
                                     text_of(by)};
  auto asking = ask(std::move(arguments));
  const auto reply = co_await std::move(asking);
  co_return reply.ok() ? Status() : reply.status();
}

Task<Result<Duration>> RedisLimits::held(Duration hold) {
  std::vector<std::string> arguments{"held", "", pace_, rates_, text_of(hold)};
  auto asking = ask(std::move(arguments));
  auto reply = co_await std::move(asking);
  if (!reply.ok()) co_return reply.status();
  const auto answer = answer_in(*reply);
  if (!answer.ok()) co_return answer.status();
  co_return answer->held;
}

Task<Result<RedisReply>> RedisLimits::ask(std::vector<std::string> arguments) {
  for (;;) {
    const bool sends_time = by_own_clock_;
    if (sends_time && !(set_at_ && loop_.now() < *set_at_ + kClockHolds)) {
      auto setting = set_clock();
      co_await std::move(setting);
    }
    if (sends_time) arguments[1] = now_text();
    auto running = redis_->run(kRedisLimitsScript, key_, arguments);
    auto reply = co_await std::move(running);
    if (sends_time || !is_for_want_of_time(reply)) co_return reply;
    by_own_clock_ = true;
  }
}

Task<void> RedisLimits::set_clock() {
  const TimePoint sent = loop_.now();
  auto asking = redis_->time();
  const auto time = co_await std::move(asking);
  const TimePoint came = loop_.now();
  set_at_ = came;
  if (time.ok()) {
    ahead_ = *time - (sent + (came - sent) / 2).time_since_epoch();
  } else {
    const auto host = std::chrono::system_clock::now().time_since_epoch();
    ahead_ = std::chrono::duration_cast<Duration>(host) - came.time_since_epoch();
  }
}

std::string RedisLimits::now_text() const {
  return text_of(loop_.now().time_since_epoch() + ahead_);
}

Result<RemoteLimits::Answer> RedisLimits::answer_in(RedisReply& reply) const {
  constexpr std::size_t kFirstDue = 5;
  constexpr std::size_t kMostText = 256;
  std::vector<RedisReply>& parts = reply.elements;
  if (reply.kind != Kind::kArray || parts.size() != kFirstDue + count_) return unexpected();
  const bool is_answer = parts[0].kind == Kind::kInteger && is_time(parts[1], 0) &&
                         is_time(parts[2], 0) && parts[3].kind == Kind::kString &&
                         parts[4].kind == Kind::kString && parts[3].text.size() < kMostText &&
                         parts[4].text.size() < kMostText;
  if (!is_answer) return unexpected();
  Answer answer{.granted = parts[0].integer == 1,
                .wait = Microseconds(parts[1].integer),
                .held = Microseconds(parts[2].integer)};
  for (std::size_t i = 0; i < count_; ++i) {
    // Of a key that is not there it is as far back as 1970.
    const RedisReply& due = parts[kFirstDue + i];
    if (!is_time(due, -4'000'000'000'000'000)) return unexpected();
    answer.due[i] = Microseconds(due.integer);
  }
  answer.ticket = {.after = std::move(parts[4].text), .before = std::move(parts[3].text)};
  return answer;
}

}  // namespace tidegate::internal
