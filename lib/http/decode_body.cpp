// SPDX-License-Identifier: Apache-2.0
#include "http/decode_body.hpp"

#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "http/decoder.hpp"

namespace tidegate::internal {

namespace {

class Decoding {
 public:
  Decoding(ContentDecoder decoder, std::string_view encoded)
      : decoder_(std::move(decoder)),
        encoded_(encoded),
        buffer_(std::make_unique_for_overwrite<char[]>(DecodeShare::kSlice)) {}

  // Decodes a slice. Nothing is left to do after the last one, or a failure.
  Status go_on(std::size_t slice) {
    const std::string_view input = encoded_.substr(0, slice / 4);
    std::string_view left = input;
    const auto step = decoder_.step(left, std::span<char>(buffer_.get(), slice));
    if (!step.ok()) return step.status();
    encoded_.remove_prefix(input.size() - left.size());
    decoded_.append(buffer_.get(), step->made);
    over_ = encoded_.empty() && step->hungry;
    return over_ ? decoder_.finish() : Status();
  }

  bool over() const noexcept { return over_; }
  std::string take() noexcept { return std::move(decoded_); }

 private:
  ContentDecoder decoder_;
  std::string_view encoded_;
  const std::unique_ptr<char[]> buffer_;
  std::string decoded_;
  bool over_ = false;
};

TransportReply failed(TransportReply reply, const std::string& what, const Status& why) {
  reply.status = Status(why.cause(), what + ": " + std::string(why.message()));
  reply.body = Bytes();
  return reply;
}

}  // namespace

DecodeShare::Turn::Turn(DecodeShare& share, bool has_long_steps) noexcept : share_(share) {
  const bool begins_row = has_long_steps && share_.row_.empty();
  if (!has_long_steps || begins_row) ++share_.decoding_;
  if (has_long_steps) share_.row_.push_back(*this);
  if (begins_row) bell_.ring();
}

DecodeShare::Turn::~Turn() {
  const bool is_first = linked() && &share_.row_.front() == this;
  const bool is_alone = !linked() || &share_.row_.front() == &share_.row_.back();
  unlink();
  if (is_alone) --share_.decoding_;
  if (is_first && !is_alone) share_.row_.front().bell_.ring();
}

void DecodeShare::Turn::passes() noexcept {
  if (!linked()) return bell_.ring();
  unlink();
  share_.row_.push_back(*this);
  share_.row_.front().bell_.ring();
}

Task<TransportReply> decode_body(TransportReply reply, std::optional<std::size_t> most,
                                 std::string what, DecodeShare* share) {
  const bool is_whole = most && reply.status.ok() && !reply.body.empty();
  const auto fields =
      is_whole ? reply.headers.all("Content-Encoding") : std::vector<std::string_view>();
  if (fields.empty()) co_return std::move(reply);
  auto made = ContentDecoder::make(fields, {.most = *most, .encoded = reply.body.size()});
  if (!made.ok()) co_return failed(std::move(reply), what, made.status());
  if (made->empty()) co_return std::move(reply);

  const bool has_long_steps = made->has_long_steps();
  Decoding decoding(std::move(made).value(), reply.body.view());
  DecodeShare::Turn turn(*share, has_long_steps);
  for (bool waits = turn.is_in_row();; waits = true) {
    if (waits) {
      const Cause woken = co_await turn.comes();
      if (woken != Cause::kNone) {
        co_return failed(std::move(reply), what, Status(woken, "its body was being decoded"));
      }
    }
    const Status went = decoding.go_on(share->slice());
    if (!went.ok()) co_return failed(std::move(reply), what, went);
    if (decoding.over()) break;
    turn.passes();
  }
  reply.body = Bytes(decoding.take());
  reply.headers.remove("Content-Encoding");
  reply.headers.remove("Content-Length");
  co_return std::move(reply);
}

}  // namespace tidegate::internal
