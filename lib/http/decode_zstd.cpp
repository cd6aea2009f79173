// SPDX-License-Identifier: Apache-2.0
// The coding zstd, by libzstd.
#include <zstd.h>
#include <zstd_errors.h>

#include <cstddef>
#include <new>
#include <string>

#include "http/coding.hpp"

namespace tidegate::internal {

namespace {

constexpr int kWindowLogMax = 23;

struct Free {
  void operator()(ZSTD_DCtx* context) const noexcept { ::ZSTD_freeDCtx(context); }
};

// Of a frame, or of one to be skipped. libzstd would also read its formats of before RFC 8878.
bool may_begin_frame(char byte) noexcept {
  const auto first = static_cast<unsigned char>(byte);
  return first == 0x28 || (first >= 0x50 && first <= 0x5F);
}

class Zstd final : public Coding {
 public:
  Zstd() : context_(::ZSTD_createDCtx()) {
    if (!context_) throw std::bad_alloc();
    (void)::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  }

  Status decode(std::string_view& input, std::span<char>& output) override {
    // Asked without input between two frames it would begin one, and without any progress, fail.
    while (!output.empty() && (!input.empty() || (inside_ && has_more_))) {
      if (!inside_ && !may_begin_frame(input.front())) {
        return Status(Cause::kDecode,
                      complete_ ? "something else follows its end" : "it begins as no frame does");
      }
      ZSTD_inBuffer in{input.data(), input.size(), 0};
      ZSTD_outBuffer out{output.data(), output.size(), 0};
      const std::size_t left = ::ZSTD_decompressStream(context_.get(), &out, &in);
      input.remove_prefix(in.pos);
      output = output.subspan(out.pos);
      if (::ZSTD_isError(left)) return failed(left);
      inside_ = left != 0;
      complete_ = !inside_;
      has_more_ = output.empty();
    }
    return {};
  }

  bool complete() const noexcept override { return complete_; }

 private:
  static Status failed(std::size_t result) {
    const ZSTD_ErrorCode code = ::ZSTD_getErrorCode(result);
    if (code == ZSTD_error_memory_allocation) {
      return Status(Cause::kNoMemory, "no memory to decode a body");
    }
    if (code == ZSTD_error_frameParameter_windowTooLarge) {
      return Status(Cause::kDecode, "it wants a window of more than 8 MiB");
    }
    return Status(Cause::kDecode, ::ZSTD_getErrorName(result));
  }

  const std::unique_ptr<ZSTD_DCtx, Free> context_;
  bool inside_ = false;    // a frame has begun and not ended
  bool complete_ = false;  // a frame has ended, and no other has begun
  bool has_more_ = false;  // the output was too small for what is decoded already
};

}  // namespace

std::unique_ptr<Coding> zstd_coding() { return std::make_unique<Zstd>(); }

}  // namespace tidegate::internal
