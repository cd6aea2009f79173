// SPDX-License-Identifier: Apache-2.0
//
// decode_body(): a reply whose body is decoded, on the loop, in slices:
//
//   auto decoding = decode_body(std::move(reply), plan.decodes_to, what, &core.decode_share());
//   reply = co_await std::move(decoding);
//
// Between two slices the loop does whatever else is to be done, and a body of one slice goes
// through at once. All who decode share the time of one slice a turn, so that a hundred large bodies
// hold up a small answer no longer than one of them does. Those whose slices cannot be made small
// (ContentDecoder::has_long_steps()) stand in a row: one of them has a slice in a turn, and where
// that turn was a long one, the loop is the others' for as long again. So what needs several turns,
// as a request does that is sent in one and answered in another, meets one such slice, not one in
// each. A body that is over in its first slice passes the row on in the same turn.
//
// A reply that failed, is empty, has no coding, or is to stay as it came, comes back as it is. Another loses
// its fields Content-Encoding and Content-Length, which say nothing true any more. One that cannot be
// decoded, and one whose scope was cancelled, loses its body and has the reason in its status.
//
// Memory: the encoded body and the decoded one, one slice, and the windows of the codings.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "base/bell.hpp"
#include "base/intrusive_list.hpp"
#include "base/ports/transport.hpp"
#include "base/task.hpp"

namespace tidegate::internal {

// How much is decoded in a turn of the loop, by all requests of a client together. On the loop.
class DecodeShare {
 public:
  static constexpr std::size_t kSlice = std::size_t{64} << 10;
  static constexpr std::size_t kLeast = std::size_t{4} << 10;

  explicit DecodeShare(Loop& loop) noexcept : loop_(loop) {}

  // Bytes that one may make in a turn. It takes a quarter of that: a server can make the decoding
  // of a few bytes dear, as well as long.
  std::size_t slice() const noexcept {
    return std::max(kLeast, kSlice / std::max<std::size_t>(1, decoding_));
  }

  // One who decodes, and when it is its turn:
  //
  //   for (bool waits = turn.waits();; waits = true) {
  //     while (waits) {
  //       const Cause woken = co_await turn.comes();     // cancelled: gives up
  //       waits = !turn.has_come();
  //     }
  //     …a slice; the last one that went well ends the loop…
  //     turn.stepped(true);
  //   }
  class Turn : public ListNode<Turn> {
   public:
    Turn(DecodeShare& share, bool has_long_steps) noexcept;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

    // The next slice is not for this turn of the loop.
    bool waits() const noexcept;
    Bell::Wait comes() noexcept;
    bool has_come() noexcept;
    // After a slice: the next turn is for the next in the row, or for this one again. One that has
    // failed stays first, so that somebody sees how long it took.
    void stepped(bool goes_on) noexcept;

   private:
    bool is_first() const noexcept;

    DecodeShare& share_;
    Bell bell_;
  };

 private:
  static constexpr Duration kLong = std::chrono::milliseconds(1);
  static constexpr Duration kLongest = std::chrono::milliseconds(100);  // or the process slept
  bool rests() const noexcept { return loop_.now() < rests_until_; }

  Loop& loop_;
  std::size_t decoding_ = 0;          // the row is one
  IntrusiveList<Turn> row_;           // the first has been rung for, or the loop rests
  std::optional<TimePoint> stepped_;  // the turn of the last slice, until its length is known
  TimePoint rests_until_{};
};

// `most` bytes may come out; empty: the body stays as it came. `what` begins a message.
Task<TransportReply> decode_body(TransportReply reply, std::optional<std::size_t> most,
                                 std::string what, DecodeShare* share);

}  // namespace tidegate::internal
