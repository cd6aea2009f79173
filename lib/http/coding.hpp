// SPDX-License-Identifier: Apache-2.0
//
// Coding: one content coding that is undone: gzip, deflate, br or zstd. The decoder (decoder.hpp)
// chains and bounds them.
//
// decode() takes from the front of its input and writes to the front of its output, and shortens
// both by what it used. It comes back when the input is empty or the output full; where the output
// is full there may be more, with or without more input. Memory: one window, 32 KiB (gzip and
// deflate), 16 MiB (br) or 8 MiB (zstd) at the most, and little beside it.
//
// Only the library of a coding decides what its bytes mean; here it is decided where a stream may
// end. RFC 1952, 1950, 1951, 7932, 8878.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate::internal {

class Coding {
 public:
  virtual ~Coding() = default;

  // REQUIRES: `output` is not empty. kDecode, kTooLarge or kNoMemory.
  virtual Status decode(std::string_view& input, std::span<char>& output) = 0;

  // Whether the stream may end here.
  virtual bool complete() const noexcept = 0;
};

// Any number of members, and zeros behind the last one.
std::unique_ptr<Coding> gzip_coding();
// With the head of zlib, as it should be, or without it, as some servers send it.
std::unique_ptr<Coding> deflate_coding();
// A window of 16 MiB at most, which is what the coding has. Its library fills the window before it
// gives anything out, 20 to 40 ms for all of it. So what says of itself that it makes more than
// `most` bytes, all in all, is kTooLarge before it has done so, and the window no larger than the
// power of two above that, or than 1 MiB.
std::unique_ptr<Coding> brotli_coding(std::size_t most);
// Any number of frames. A window of 8 MiB at most: RFC 9659 allows a server no more, and browsers
// take no more.
std::unique_ptr<Coding> zstd_coding();

}  // namespace tidegate::internal
