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
// (ContentDecoder::has_long_steps()) stand in a row: one of them has a slice in a turn.
//
// A reply that failed, is empty, has no coding, or is to stay as it came, comes back as it is. Another loses
// its fields Content-Encoding and Content-Length, which say nothing true any more. One that cannot be
// decoded, and one whose scope was cancelled, loses its body and has the reason in its status.
//
// Memory: the encoded body and the decoded one, one slice, and the windows of the codings.
#pragma once

#include <algorithm>
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

  // Bytes that one may make in a turn. It takes a quarter of that: a server can make the decoding
  // of a few bytes dear, as well as long.
  std::size_t slice() const noexcept {
    return std::max(kLeast, kSlice / std::max<std::size_t>(1, decoding_));
  }

  // One who decodes, and when it is its turn.
  class Turn : public ListNode<Turn> {
   public:
    Turn(DecodeShare& share, bool has_long_steps) noexcept;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

    bool is_in_row() const noexcept { return linked(); }
    // After a slice: the next turn of the loop is for the next in the row, or for this one again.
    void passes() noexcept;
    Bell::Wait comes() noexcept { return bell_.heard(Deadline::never()); }

   private:
    DecodeShare& share_;
    Bell bell_;
  };

 private:
  std::size_t decoding_ = 0;  // the row is one
  IntrusiveList<Turn> row_;   // the first has been rung for
};

// `most` bytes may come out; empty: the body stays as it came. `what` begins a message.
Task<TransportReply> decode_body(TransportReply reply, std::optional<std::size_t> most,
                                 std::string what, DecodeShare* share);

}  // namespace tidegate::internal
