// SPDX-License-Identifier: Apache-2.0
// The codings gzip and deflate, by zlib.
#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <new>
#include <optional>
#include <string>

#include "http/coding.hpp"

namespace tidegate::internal {

namespace {

constexpr int kRaw = -15;
constexpr int kZlib = 15;
constexpr int kGzip = 15 + 16;

class Inflate {
 public:
  explicit Inflate(int form) {
    if (::inflateInit2(&stream_, form) != Z_OK) throw std::bad_alloc();
  }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() { ::inflateEnd(&stream_); }

  void begin_again() noexcept { ::inflateReset(&stream_); }

  // Sets `ended` where a stream has come to its end, checksum and all.
  Status run(std::string_view& input, std::span<char>& output, bool& ended) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const std::size_t in = std::min(input.size(), kMost);
    const std::size_t out = std::min(output.size(), kMost);
    stream_.next_in = reinterpret_cast<const Bytef*>(input.data());
    stream_.avail_in = static_cast<uInt>(in);
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    stream_.avail_out = static_cast<uInt>(out);
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    input.remove_prefix(in - stream_.avail_in);
    output = output.subspan(out - stream_.avail_out);
    ended = code == Z_STREAM_END;
    if (ended || code == Z_OK || code == Z_BUF_ERROR) return {};
    if (code == Z_MEM_ERROR) return Status(Cause::kNoMemory, "no memory to decode a body");
    if (code == Z_NEED_DICT) return Status(Cause::kDecode, "it wants a dictionary");
    return Status(Cause::kDecode, stream_.msg ? stream_.msg : "it is broken");
  }

 private:
  z_stream stream_{};
};

class Gzip final : public Coding {
 public:
  Status decode(std::string_view& input, std::span<char>& output) override {
    while (!output.empty()) {
      if (place_ != Place::kInside) {
        if (input.empty()) return {};
        Status begun = pass_border(input);
        if (!begun.ok()) return begun;
        continue;
      }
      bool ended = false;
      Status run = inflate_.run(input, output, ended);
      if (!run.ok()) return run;
      if (ended) {
        place_ = Place::kBehindMember;
      } else if (input.empty()) {
        return {};
      }
    }
    return {};
  }

  bool complete() const noexcept override { return place_ != Place::kInside; }

 private:
  enum class Place { kInside, kBehindMember, kPadding };
  static constexpr char kFirstByte = '\x1F';

  Status pass_border(std::string_view& input) {
    if (place_ == Place::kBehindMember && input.front() == kFirstByte) {
      inflate_.begin_again();
      place_ = Place::kInside;
      return {};
    }
    input.remove_prefix(std::min(input.find_first_not_of('\0'), input.size()));
    place_ = Place::kPadding;
    if (input.empty()) return {};
    return Status(Cause::kDecode, "something else follows its end");
  }

  Inflate inflate_{kGzip};
  Place place_ = Place::kInside;
};

// Two bytes tell the forms apart: what passes for the head of zlib would, without one, be a stored
// block whose padding is not zero, and no encoder writes that.
class Deflate final : public Coding {
 public:
  Status decode(std::string_view& input, std::span<char>& output) override {
    while (read_ < head_.size() && !input.empty()) {
      head_[read_++] = input.front();
      input.remove_prefix(1);
    }
    if (read_ < head_.size()) return {};
    if (!inflate_) inflate_.emplace(has_zlib_head() ? kZlib : kRaw);
    std::string_view head(head_.data() + used_, head_.size() - used_);
    if (!head.empty()) {
      Status begun = run(head, output);
      used_ = head_.size() - head.size();
      if (!begun.ok() || !head.empty() || output.empty()) return begun;
    }
    return run(input, output);
  }

  bool complete() const noexcept override { return ended_; }

 private:
  bool has_zlib_head() const noexcept {
    const auto method = static_cast<unsigned char>(head_[0]);
    const auto flags = static_cast<unsigned char>(head_[1]);
    return (method & 0x0Fu) == Z_DEFLATED && method >> 4u <= 7 && (method * 256u + flags) % 31 == 0;
  }

  Status run(std::string_view& input, std::span<char>& output) {
    if (!ended_) {
      Status run = inflate_->run(input, output, ended_);
      if (!run.ok()) return run;
    }
    if (!ended_ || input.empty()) return {};
    return Status(Cause::kDecode, "something else follows its end");
  }

  std::array<char, 2> head_{};
  std::size_t read_ = 0;  // bytes of head_ that have come
  std::size_t used_ = 0;  // and that zlib has taken
  std::optional<Inflate> inflate_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Coding> gzip_coding() { return std::make_unique<Gzip>(); }
std::unique_ptr<Coding> deflate_coding() { return std::make_unique<Deflate>(); }

}  // namespace tidegate::internal
