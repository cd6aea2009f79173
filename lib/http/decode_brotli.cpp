// SPDX-License-Identifier: Apache-2.0
// The coding br, by libbrotlidec.
#include <brotli/decode.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "http/coding.hpp"

namespace tidegate::internal {

namespace {

struct Destroy {
  void operator()(BrotliDecoderState* state) const noexcept {
    ::BrotliDecoderDestroyInstance(state);
  }
};

constexpr std::size_t kMostTables = std::size_t{3} << 19;  // what its prefix codes may take
constexpr std::size_t kSlack = std::size_t{64} << 10;

// Streams with a "large window", an extension of up to 1 GiB, are refused unless they are asked for.
class Brotli final : public Coding {
 public:
  explicit Brotli(std::size_t most)
      : largest_(std::max(kMostTables, std::bit_ceil(std::min(most, kMostWindow))) + kSlack),
        state_(::BrotliDecoderCreateInstance(&allocate, &release, this)) {
    if (!state_) throw std::bad_alloc();
  }

  Status decode(std::string_view& input, std::span<char>& output) override {
    while (!ended_) {
      const bool is_pending = ::BrotliDecoderHasMoreOutput(state_.get());
      const std::size_t given = is_pending ? 0 : std::min(input.size(), feed_);
      std::size_t in = given;
      std::size_t out = output.size();
      const auto* next_in = reinterpret_cast<const std::uint8_t*>(input.data());
      auto* next_out = reinterpret_cast<std::uint8_t*>(output.data());
      const BrotliDecoderResult result =
          ::BrotliDecoderDecompressStream(state_.get(), &in, &next_in, &out, &next_out, nullptr);
      input.remove_prefix(given - in);
      output = output.subspan(output.size() - out);
      if (result == BROTLI_DECODER_RESULT_ERROR) return failed();
      ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
      feed_ = output.empty() ? std::max(feed_ / 8, kLeastFeed) : std::min(2 * feed_, kMostFeed);
      if (output.empty() || input.empty()) break;
    }
    if (!ended_ || input.empty()) return {};
    return Status(Cause::kDecode, "something else follows its end");
  }

  bool complete() const noexcept override { return ended_; }

 private:
  static constexpr std::size_t kMostWindow = std::size_t{16} << 20;

  // The window gets the smallest power of two that has room for what is there and the whole of the
  // next block, as the block says: where it is too large, so is that.
  static void* allocate(void* self, std::size_t size) noexcept {
    auto* const brotli = static_cast<Brotli*>(self);
    if (size > brotli->largest_) {
      brotli->is_too_large_ = true;
      return nullptr;
    }
    return std::malloc(size);
  }
  static void release(void*, void* memory) noexcept { std::free(memory); }

  Status failed() const {
    if (is_too_large_) return Status(Cause::kTooLarge, "a block is too large");
    const BrotliDecoderErrorCode code = ::BrotliDecoderGetErrorCode(state_.get());
    const bool no_memory = code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                           code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    if (no_memory) return Status(Cause::kNoMemory, "no memory to decode a body");
    return Status(Cause::kDecode, ::BrotliDecoderErrorString(code));
  }

  // What a few bytes mean is known when they are decoded: it begins with little, and takes more as
  // long as there is room for what comes of it.
  static constexpr std::size_t kLeastFeed = 8;
  static constexpr std::size_t kMostFeed = std::size_t{16} << 10;
  std::size_t feed_ = kLeastFeed;
  const std::size_t largest_;  // of its allocations
  bool is_too_large_ = false;
  const std::unique_ptr<BrotliDecoderState, Destroy> state_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Coding> brotli_coding(std::size_t most) { return std::make_unique<Brotli>(most); }

}  // namespace tidegate::internal
