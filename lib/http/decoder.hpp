// SPDX-License-Identifier: Apache-2.0
//
// ContentDecoder: undoes the content codings of a body, a step at a time:
//
//   auto decoder = ContentDecoder::make(headers.all("Content-Encoding"), {.most = …, .encoded = …});
//   for (;;) {
//     const auto step = decoder->step(input, buffer);    // takes from the front of input
//     if (!step.ok()) …                                  // kDecode, kTooLarge, kNoMemory
//     …buffer.first(step->made)…
//     if (step->hungry) …                                // more input, or, at its end, finish()
//   }
//
// A server's bytes are hostile: 800 of them can mean a gigabyte. So a step never makes more than it
// has room for, no coding holds more than its window, and what all of them make is bounded twice:
// `most`, and 200 times the encoded size where that is more than 1 MiB; in a chain what is between
// the codings too, which else could be anything that the next one skips. A stream must come to its
// end, and nothing may follow it. Two codings at most are undone; "identity" is none.
//
// Pure: no thread, no clock. A decoder belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "http/coding.hpp"

namespace tidegate::internal {

struct DecodeCaps {
  std::size_t most = 0;     // bytes that may come out
  std::size_t encoded = 0;  // bytes that go in, all in all
};

class ContentDecoder {
 public:
  static constexpr std::size_t kMostCodings = 2;
  static constexpr std::size_t kMostRatio = 200;
  static constexpr std::size_t kAnyRatioUpTo = std::size_t{1} << 20;

  // `fields` are the values of all fields Content-Encoding. kDecode where a coding is unknown, or
  // there are too many.
  static Result<ContentDecoder> make(const std::vector<std::string_view>& fields,
                                     const DecodeCaps& caps);

  // Of a body that is still coming: so much of it has, which is what the ratio is to. Such a decoder
  // is made with `encoded` at its most.
  void has_come(std::size_t encoded) noexcept;

  // Nothing is encoded; then there must be no step.
  bool empty() const noexcept { return stages_.empty(); }

  // A step may take milliseconds, whatever its output has room for: brotli fills its window, of up
  // to 16 MiB, before it gives anything out.
  bool has_long_steps() const noexcept { return has_long_steps_; }

  struct Step {
    std::size_t made = 0;
    // All input is used, and nothing more comes of it.
    bool hungry = false;
  };
  // REQUIRES: `output` is not empty. After a failure there must be no other step.
  Result<Step> step(std::string_view& input, std::span<char> output);

  // Whether the body may end here. Nothing at all is no stream that is cut short: that is for the
  // caller to know.
  Status finish() const;

 private:
  struct Stage {
    std::string_view name;
    std::unique_ptr<Coding> coding;
    std::size_t made = 0;
  };

  explicit ContentDecoder(const DecodeCaps& caps) noexcept;
  // True where the output is full.
  Result<bool> run(Stage& stage, std::string_view& input, std::span<char>& output) const;
  Status too_large(const Stage& stage) const;

  DecodeCaps caps_;
  std::size_t most_;                 // by both bounds
  std::vector<Stage> stages_;        // in the order in which they are undone
  std::unique_ptr<char[]> between_;  // what the first of two has made
  std::string_view unread_;          // and the second has not taken
  bool first_has_more_ = false;
  bool has_long_steps_ = false;
};

}  // namespace tidegate::internal
