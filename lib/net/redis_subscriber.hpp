// SPDX-License-Identifier: Apache-2.0
//
// RedisSubscriber: the second connection of a Redis client, on which it hears what is published.
// It exists while somebody listens. A PING after a while of silence notices a connection that is
// dead without a word. Attempts to connect are made only while the first connection is up, so that
// a server that is down is asked by one connection alone. On the loop's thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/bell.hpp"
#include "base/ports/kv.hpp"
#include "base/task.hpp"
#include "net/redis_breaker.hpp"
#include "net/redis_connect.hpp"

namespace tidegate::internal {

class RedisSubscriber {
 public:
  explicit RedisSubscriber(RedisPlace& place) : place_(place), backoff_(place.options) {}

  // A second listener of a channel takes the place of the first, which hears nothing any more.
  void listen(std::string channel, KvListener& listener);
  void ignore(std::string_view channel) noexcept;
  void forget_listeners() noexcept;
  bool wanted() const noexcept { return !channels_.empty(); }

  // The flow: keeps the connection until its scope is cancelled.
  Task<void> keep();
  // Of the flow, which `reason` has ended: kNone where it was an exception.
  void flow_ended(Cause reason) noexcept;
  void server_is_up(bool up) noexcept;

 private:
  struct Channel {
    KvListener* listener;
    bool asked = false;  // SUBSCRIBE was sent for this listener
    bool hears = false;
  };

  Task<Status> hear_once();
  void ring() noexcept;
  void ask_for_channels(RedisOutbox& out);
  Result<bool> hear_all(RedisWire& wire, RedisOutbox& out);
  Status hear(const RedisReply& reply);
  void turn_deaf(Cause reason) noexcept;

  // Invariants. subscribed_ is what the server was asked for on this connection, with how many
  // SUBSCRIBE it has not answered yet. A channel hears once there is none of its own left.
  RedisPlace& place_;
  RedisBackoff backoff_;
  std::map<std::string, Channel, std::less<>> channels_;
  std::map<std::string, int, std::less<>> subscribed_;
  RedisWire* wire_ = nullptr;
  Bell bell_;
  bool server_is_up_ = false;
};

}  // namespace tidegate::internal
