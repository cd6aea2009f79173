// SPDX-License-Identifier: Apache-2.0
//
// RedisReplyReader: bytes from Redis in, replies out, and never more memory than it was allowed.
//
//   reader.feed(bytes)                              // whatever the socket gave
//   for (;;) {
//     Result<std::optional<RedisReply>> next = reader.next();
//     if (!next) drop the connection: next.status() says why
//     if (!*next) break;                            // the rest has not come yet
//     use(std::move(**next));
//   }
//
// Parsing is hiredis'; building the replies is not. Its own reply functions believe what a server
// announces: "*288888288\r\n", 12 bytes, makes 0.14.1 allocate 2.3 GB. Here a count or a length
// beyond the limits is refused when it is announced, before anything is allocated or waited for.
// Refused as well, although hiredis would take them: a bulk string without CRLF after it, a line
// that does not end, and every type of RESP3 (the connection speaks RESP2).
//
// After the first refusal the reader refuses everything with the same status: where one reply is
// not understood, the next would answer the wrong command. The cause is too_large for what is
// beyond a limit, decode for what is no RESP2, no_memory where memory is short.
//
// Not thread-safe. Cost: one copy of each string, out of hiredis' buffer; feeding at most 16 KiB
// at a time keeps hiredis from moving its buffer about. Memory: the input that is not yet read
// (hiredis' buffer holds up to twice that) and the reply that is not yet whole, both within
// `total_bytes`. Where the process has no memory for a reader itself, hiredis 0.14 aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tidegate/status.hpp"

struct redisReader;  // NOLINT(readability-identifier-naming): hiredis' own

namespace tidegate::internal {

// One reply. It owns its bytes: `text` may be moved into a Bytes without copying them.
struct RedisReply {
  enum class Kind : std::uint8_t { kNil, kInteger, kStatus, kError, kString, kArray };

  Kind kind = Kind::kNil;
  std::int64_t integer = 0;            // of kInteger
  std::string text{};                  // of kStatus, kError ("ERR no such key") and kString
  std::vector<RedisReply> elements{};  // of kArray

  bool operator==(const RedisReply&) const = default;
};

struct RedisReplyLimits {
  // Of one bulk string: a value of 1 MiB and the envelope around it.
  std::size_t string_bytes = (1U << 20) + (1U << 16);
  // Of one reply, those of nested arrays included.
  std::size_t elements = 1024;
  // 1: an array of plain values. hiredis 0.14 itself ends at 7.
  std::size_t depth = 4;
  // Of input not yet read and of one reply not yet whole. A reply may be nearly as large as this.
  std::size_t total_bytes = 3U << 20;

  bool operator==(const RedisReplyLimits&) const = default;
};

class RedisReplyReader {
 public:
  // Of a status, an error or an integer. Longer ones are refused.
  static constexpr std::size_t kMaxLine = 4096;

  explicit RedisReplyReader(RedisReplyLimits limits = {});
  RedisReplyReader(const RedisReplyReader&) = delete;
  RedisReplyReader& operator=(const RedisReplyReader&) = delete;
  ~RedisReplyReader();

  // Takes a copy of the bytes. Call next() until it is empty before feeding more: what it has not
  // given out counts against `total_bytes`.
  Status feed(std::string_view bytes);

  // The next whole reply, nothing where it has not come yet, or why there will be no more.
  Result<std::optional<RedisReply>> next();

  // What counts against `total_bytes` now: input not yet read, and the reply not yet whole.
  std::size_t buffered() const noexcept;

  // True where no byte has come that does not belong to a reply that next() gave out. False on a
  // connection on which no answer is due means that the server speaks unasked.
  bool between_replies() const noexcept { return unanswered_ == 0; }

 private:
  struct Building;
  struct Free {
    void operator()(redisReader* reader) const noexcept;
  };

  Status refuse(Status why);
  // What is announced but not here yet, or is too long for what it is.
  Status check_unread() const;

  // Invariants. refused_ is set once, and nothing is passed to hiredis after that. In the reader's
  // buffer, what follows its cursor starts, after next() gave nothing, with the rest of one
  // unfinished item behind its type byte.
  const RedisReplyLimits limits_;
  std::unique_ptr<Building> building_;
  std::unique_ptr<redisReader, Free> reader_;
  std::uint64_t unanswered_ = 0;  // bytes fed since the end of the last whole reply
  Status refused_;
};

}  // namespace tidegate::internal
