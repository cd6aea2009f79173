// SPDX-License-Identifier: Apache-2.0
#include "net/redis_subscriber.hpp"

#include <algorithm>
#include <utility>

#include "base/sleep.hpp"
#include "net/redis_command.hpp"
#include "net/redis_error.hpp"

namespace tidegate::internal {

namespace {

constexpr int kRepliesPerTurn = 256;

Status silent(Duration since) {
  return Status(Cause::kEngineUnavailable,
                "Redis has been silent on the listening connection for " + format_duration(since));
}

}  // namespace

void RedisSubscriber::listen(std::string channel, KvListener& listener) {
  Channel& there = channels_[std::move(channel)];
  there.ears.push_back({.listener = &listener});
  there.asked = false;
  ring();
}

void RedisSubscriber::ignore(std::string_view channel, KvListener& listener) noexcept {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  std::erase_if(found->second.ears, [&](const Ear& ear) { return ear.listener == &listener; });
  if (!found->second.ears.empty()) return;
  channels_.erase(found);
  ring();
}

void RedisSubscriber::forget_listeners() noexcept {
  channels_.clear();
  ring();
}

void RedisSubscriber::server_is_up(bool up) noexcept {
  server_is_up_ = up;
  if (up) bell_.ring();
}

void RedisSubscriber::ring() noexcept {
  bell_.ring();
  if (wire_) wire_->bell().ring();
}

Task<void> RedisSubscriber::keep() {
  Scope& scope = co_await this_scope();
  for (;;) {
    while (!wanted() || !server_is_up_) {
      const Cause woken = co_await bell_.heard(Deadline::never());
      if (woken != Cause::kNone) co_return;
    }
    auto hearing = hear_once();
    const Status why = co_await std::move(hearing);
    turn_deaf(scope.reason());
    if (!scope.ok()) co_return;
    if (why.ok()) continue;
    const Duration pause = backoff_.next(redis_is_permanent(why), place_.rng);
    const TimePoint again = place_.shard.now() + pause;
    const Cause slept = co_await sleep_until(again);
    if (slept != Cause::kNone) co_return;
  }
}

// From an attempt to connect to the end of the connection: OK where nobody listens any more.
Task<Status> RedisSubscriber::hear_once() {
  RedisWire wire(place_.shard, place_.options.limits, place_.metrics);
  auto connecting = redis_connect(&place_, &wire);
  const Status connected = co_await std::move(connecting);
  if (!connected.ok()) co_return connected;
  wire_ = &wire;
  const TimePoint begun = place_.shard.now();
  RedisOutbox out;
  Status status;
  bool pinged = false;
  const Duration silence = place_.options.listen_ping;
  Deadline quiet_until = Deadline::after(silence, place_.shard.now());
  while (wanted()) {
    ask_for_channels(out);
    const auto heard = hear_all(wire, out);
    status = heard.status();
    if (!heard.ok()) break;
    if (*heard) {
      pinged = false;
      quiet_until = Deadline::after(silence, place_.shard.now());
    }
    const Cause woken = co_await wire.bell().heard(quiet_until);
    if (woken == Cause::kNone) continue;
    if (woken != Cause::kNotReady) {
      status = Status(woken, "nobody listens any more");
      break;
    }
    if (pinged) {
      status = silent(silence);
      break;
    }
    append_ping(out.bytes);
    pinged = true;
    quiet_until = Deadline::after(silence, place_.shard.now());
  }
  wire_ = nullptr;
  if (!status.ok()) place_.metrics.lost.add();
  backoff_.lived(place_.shard.now() - begun);
  co_return status;
}

void RedisSubscriber::ask_for_channels(RedisOutbox& out) {
  for (auto& [name, channel] : channels_) {
    if (channel.asked) continue;
    append_subscribe(out.bytes, name);
    ++subscribed_[name];
    channel.asked = true;
  }
  std::erase_if(subscribed_, [&](const auto& asked) {
    if (channels_.contains(asked.first) || asked.second > 0) return false;
    append_unsubscribe(out.bytes, asked.first);
    return true;
  });
}

// True where something was heard.
Result<bool> RedisSubscriber::hear_all(RedisWire& wire, RedisOutbox& out) {
  for (int taken = 0; taken < kRepliesPerTurn; ++taken) {
    auto next = wire.take(out);
    if (!next.ok()) return next.status();
    if (!*next) return taken > 0;
    if (Status status = hear(**next); !status.ok()) return status;
  }
  wire.bell().ring();
  return true;
}

Status RedisSubscriber::hear(const RedisReply& reply) {
  if (reply.kind == RedisReply::Kind::kError) return redis_error_status(reply.text);
  if (reply.kind == RedisReply::Kind::kStatus) return {};  // to a PING before the first channel
  if (reply.kind != RedisReply::Kind::kArray || reply.elements.size() < 2) {
    return Status(Cause::kDecode, "Redis said on the listening connection what is no message");
  }
  const std::string& what = reply.elements[0].text;
  const std::string& name = reply.elements[1].text;
  const auto channel = channels_.find(name);
  if (what == "message" && reply.elements.size() == 3) {
    place_.metrics.messages.add();
    tell(name, reply.elements[2].text);
  } else if (what == "subscribe") {
    const auto asked = subscribed_.find(name);
    if (asked == subscribed_.end() || --asked->second > 0) return {};
    if (channel == channels_.end() || !channel->second.asked) return {};
    place_.metrics.subscriptions.add();
    begin_to_hear(name);
  }
  return {};
}

// Whoever is told something may listen and ignore meanwhile, itself and others.
RedisSubscriber::Ear* RedisSubscriber::find_ear(std::string_view channel, bool hears) noexcept {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return nullptr;
  auto& ears = found->second.ears;
  const auto ear = std::ranges::find(ears, hears, &Ear::hears);
  return ear == ears.end() ? nullptr : &*ear;
}

void RedisSubscriber::tell(std::string_view channel, std::string_view message) {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  const std::vector<Ear> all = found->second.ears;
  for (const Ear& told : all) {
    const auto now = channels_.find(channel);
    if (now == channels_.end()) return;
    const auto ear = std::ranges::find(now->second.ears, told.listener, &Ear::listener);
    if (ear != now->second.ears.end() && ear->hears) ear->listener->heard(message);
  }
}

void RedisSubscriber::begin_to_hear(std::string_view channel) noexcept {
  while (Ear* const ear = find_ear(channel, false)) {
    ear->hears = true;
    ear->listener->listening();
    const auto found = channels_.find(channel);
    if (found == channels_.end() || !found->second.asked) return;  // one came, and is asked for
  }
}

void RedisSubscriber::flow_ended(Cause reason) noexcept {
  wire_ = nullptr;
  turn_deaf(reason);
}

// A loop that is closed has nobody left to tell.
void RedisSubscriber::turn_deaf(Cause reason) noexcept {
  subscribed_.clear();
  for (auto& [name, channel] : channels_) channel.asked = false;
  const auto hears = [this](const auto& channel) {
    return find_ear(channel.first, true) != nullptr;
  };
  for (;;) {
    const auto channel = std::find_if(channels_.begin(), channels_.end(), hears);
    if (channel == channels_.end()) return;
    Ear* const ear = find_ear(channel->first, true);
    ear->hears = false;
    if (reason != Cause::kClosed) ear->listener->deaf();
  }
}

}  // namespace tidegate::internal
