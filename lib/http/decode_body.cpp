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
  if (begins_row && waits()) bell_.ring();
}

DecodeShare::Turn::~Turn() {
  const bool was_in_row = linked();
  const bool was_first = is_first();
  unlink();
  const bool ends_row = was_in_row && share_.row_.empty();
  if (ends_row) share_.stepped_.reset();  // nobody is left to see how long it took
  if (!was_in_row || ends_row) --share_.decoding_;
  if (was_first && !ends_row) share_.row_.front().bell_.ring();
}

bool DecodeShare::Turn::is_first() const noexcept {
  return linked() && &share_.row_.front() == this;
}

bool DecodeShare::Turn::waits() const noexcept {
  return linked() && (!is_first() || share_.stepped_ || share_.rests());
}

void DecodeShare::Turn::stepped(bool goes_on) noexcept {
  if (!linked()) return bell_.ring();
  share_.stepped_ = share_.loop_.now();
  if (goes_on) {
    unlink();
    share_.row_.push_back(*this);
  }
  share_.row_.front().bell_.ring();
}

Bell::Wait DecodeShare::Turn::comes() noexcept {
  const bool rests = is_first() && share_.rests();
  return bell_.heard(rests ? Deadline::at(share_.rests_until_) : Deadline::never());
}

bool DecodeShare::Turn::has_come() noexcept {
  if (!linked()) return true;  // the mark is for who comes in the row
  if (const auto stepped = std::exchange(share_.stepped_, std::nullopt)) {
    const TimePoint now = share_.loop_.now();
    const Duration took = now - *stepped;
    if (took > kLong) share_.rests_until_ = now + std::min(took, kLongest);
  }
  return !waits();
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
  Status went;
  for (bool waits = turn.waits();; waits = true) {
    while (waits) {
      const Cause woken = co_await turn.comes();
      const bool is_given_up = woken != Cause::kNone && woken != Cause::kNotReady;
      if (is_given_up && went.ok()) went = Status(woken, "its body was being decoded");
      waits = !is_given_up && !turn.has_come();
    }
    if (!went.ok()) co_return failed(std::move(reply), what, went);
    went = decoding.go_on(share->slice());
    if (went.ok() && decoding.over()) break;
    turn.stepped(went.ok());
  }
  reply.body = Bytes(decoding.take());
  reply.headers.remove("Content-Encoding");
  reply.headers.remove("Content-Length");
  co_return std::move(reply);
}

}  // namespace tidegate::internal
