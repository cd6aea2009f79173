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
#include <vector>

#include "base/bell.hpp"
#include "base/ports/kv.hpp"
#include "base/task.hpp"
#include "net/redis_breaker.hpp"
#include "net/redis_connect.hpp"

namespace tidegate::internal {

class RedisSubscriber {
 public:
  explicit RedisSubscriber(RedisPlace& place) : place_(place), backoff_(place.options) {}

  // Any number of listeners a channel, each once.
  void listen(std::string channel, KvListener& listener);
  void ignore(std::string_view channel, KvListener& listener) noexcept;
  void forget_listeners() noexcept;
  bool wanted() const noexcept { return !channels_.empty(); }

  // The flow: keeps the connection until its scope is cancelled.
  Task<void> keep();
  // Of the flow, which `reason` has ended: kNone where it was an exception.
  void flow_ended(Cause reason) noexcept;
  void server_is_up(bool up) noexcept;

 private:
  struct Ear {
    KvListener* listener;
    bool hears = false;
  };
  struct Channel {
    std::vector<Ear> ears;  // never empty
    bool asked = false;     // SUBSCRIBE was sent since the last of them came
  };

  Task<Status> hear_once();
  void ring() noexcept;
  void ask_for_channels(RedisOutbox& out);
  Result<bool> hear_all(RedisWire& wire, RedisOutbox& out);
  Status hear(const RedisReply& reply);
  void tell(std::string_view channel, std::string_view message);
  void begin_to_hear(std::string_view channel) noexcept;
  Ear* find_ear(std::string_view channel, bool hears) noexcept;
  void turn_deaf(Cause reason) noexcept;

  // Invariants. subscribed_ is what the server was asked for on this connection, with how many
  // SUBSCRIBE it has not answered yet. Whoever listens to a channel hears once there is none of them left.
  RedisPlace& place_;
  RedisBackoff backoff_;
  std::map<std::string, Channel, std::less<>> channels_;
  std::map<std::string, int, std::less<>> subscribed_;
  RedisWire* wire_ = nullptr;
  Bell bell_;
  bool server_is_up_ = false;
};

}  // namespace tidegate::internal
