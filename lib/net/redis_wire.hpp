// SPDX-License-Identifier: Apache-2.0
//
// RedisWire: one connection to a Redis server, as bytes out and replies in. Not more: whose reply
// it is, when to give up and what to say first are its user's.
//
//   auto connecting = wire.connect(address);
//   Status status = co_await std::move(connecting);
//   for (;;) {
//     Result<std::optional<RedisReply>> next = wire.take(out);     // sends what `out` holds
//     if (!next.ok()) …                                            // it is over: close
//     if (*next) { …one reply…; continue; }
//     const Cause woken = co_await wire.bell().heard(until);       // something has happened
//   }
//
// The socket never blocks, has no Nagle delay, and notices by keepalive where its peer is gone
// without a word. Closed by its destructor. On the shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bell.hpp"
#include "base/task.hpp"
#include "net/descriptor.hpp"
#include "net/redis_address.hpp"
#include "net/redis_metrics.hpp"
#include "net/redis_reply.hpp"
#include "net/shard.hpp"

namespace tidegate::internal {

// What is to be sent. Commands are appended to `bytes`; positions count from the first of all.
class RedisOutbox {
 public:
  std::string bytes;

  std::size_t unsent() const noexcept { return bytes.size() - sent_; }
  std::uint64_t end() const noexcept { return gone_ + bytes.size(); }
  std::uint64_t sent_until() const noexcept { return gone_ + sent_; }

  std::string_view rest() const noexcept { return std::string_view(bytes).substr(sent_); }
  void sent(std::size_t count);
  // Drops what is not sent and begins at `position` or behind it.
  void truncate(std::uint64_t position) noexcept;

 private:
  static constexpr std::size_t kKept = std::size_t{64} << 10;
  std::size_t sent_ = 0;
  std::uint64_t gone_ = 0;
};

class RedisWire final : private Io {
 public:
  RedisWire(Shard& shard, const RedisReplyLimits& limits, RedisMetrics& metrics)
      : shard_(shard), metrics_(metrics), reader_(limits) {}
  RedisWire(const RedisWire&) = delete;
  RedisWire& operator=(const RedisWire&) = delete;
  ~RedisWire() { close(); }

  // kEngineUnavailable where nobody answers there; kLocalResource where we have no descriptor.
  Task<Status> connect(RedisAddress address);
  void close() noexcept;

  // The next reply, or nothing until the bell rings. Where there is none it sends what it can of
  // `out`: what has come already is never taken for an answer to what is only being sent. A failure
  // is the end of the connection.
  Result<std::optional<RedisReply>> take(RedisOutbox& out);
  // The next take() asks the socket, also where no event has told of anything.
  void look() noexcept { readable_ = true; }

  // Rings where the socket has something new; whoever appends to the outbox rings it too.
  Bell& bell() noexcept { return bell_; }
  // False where a part of a reply has come.
  bool between_replies() const noexcept { return reader_.between_replies(); }

 private:
  static constexpr std::size_t kReadBytes = 16384;

  Status open(const RedisAddress& address);
  Status flush(RedisOutbox& out);
  Result<bool> read();
  void io(std::uint32_t events) noexcept override;

  // Edge-triggered: an event says that there may be more, and it is tried until there is none.
  Shard& shard_;
  RedisMetrics& metrics_;
  Descriptor socket_;
  RedisReplyReader reader_;
  const std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(kReadBytes);
  Bell bell_;
  bool readable_ = false;
  bool writable_ = false;
  bool hung_up_ = false;
};

}  // namespace tidegate::internal
