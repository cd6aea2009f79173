// SPDX-License-Identifier: Apache-2.0
#include "http/body_stream.hpp"

#include <algorithm>
#include <new>
#include <span>
#include <utility>

namespace tidegate::internal {

void BodyStream::fail(const Status& why) {
  failed_ = Status(why.cause(), what_ + ": " + std::string(why.message()));
}

bool BodyStream::take(std::string_view bytes) {
  if (unread().size() >= kRoom || !failed_.ok()) {
    stands_still_ = true;
    return false;
  }
  add(bytes);
  deliver();
  return true;
}

void BodyStream::add(std::string_view bytes) {
  if (taken_ >= came_.size() / 2) came_.erase(0, std::exchange(taken_, 0));
  came_.append(bytes);
  total_ += bytes.size();
}

void BodyStream::end(Status why) noexcept {
  source_ = nullptr;
  end_ = std::move(why);
  deliver();
}

void BodyStream::read(StreamRead& read) noexcept {
  if (reading_) return read.end(Status(Cause::kBadArgument, "another read waits for the stream"));
  reading_ = &read;
  read.ref();
  deliver();
  if (source_ && stands_still_ && unread().size() < kRoom / 2 && failed_.ok()) {
    stands_still_ = false;
    source_->go_on();
  }
}

void BodyStream::give_up(StreamRead& read) noexcept {
  if (reading_ != &read) return;
  reading_ = nullptr;
  read.end(Status(Cause::kCancelled, "the read was cancelled"));
  read.unref();
}

void BodyStream::deliver() noexcept {
  if (!reading_) return;
  std::optional<Result<Bytes>> chunk;
  try {
    chunk = next(reading_->most());
  } catch (const std::bad_alloc&) {
    chunk = Result<Bytes>(Status(Cause::kNoMemory, "no memory for a piece of a body"));
  }
  if (!chunk) return;
  StreamRead& read = *std::exchange(reading_, nullptr);
  read.end(std::move(*chunk));
  read.unref();
}

std::optional<Result<Bytes>> BodyStream::next(std::size_t most) {
  if (closed_.load(std::memory_order_relaxed)) {
    return Result<Bytes>(Status(Cause::kClosed, "the stream was closed"));
  }
  if (!failed_.ok()) return Result<Bytes>(failed_);
  if (decoder_) return decoded(most);
  if (!unread().empty()) return Result<Bytes>(cut(most));
  return nothing_more();
}

std::optional<Result<Bytes>> BodyStream::nothing_more() {
  if (!end_) return std::nullopt;
  if (!end_->ok()) return Result<Bytes>(*end_);
  if (decoder_ && total_ > 0) {
    if (const Status whole = decoder_->finish(); !whole.ok()) {
      fail(whole);
      return Result<Bytes>(failed_);
    }
  }
  return Result<Bytes>(Bytes());
}

std::optional<Result<Bytes>> BodyStream::decoded(std::size_t most) {
  std::string chunk(std::min(most, kSlice), '\0');
  decoder_->has_come(total_);
  while (!unread().empty() || !is_hungry_) {
    std::string_view left = unread();
    const auto step = decoder_->step(left, std::span<char>(chunk));
    if (!step.ok()) {
      fail(step.status());
      return Result<Bytes>(failed_);
    }
    taken_ = came_.size() - left.size();
    is_hungry_ = step->hungry;
    if (step->made == 0) continue;
    chunk.resize(step->made);
    return Result<Bytes>(Bytes(std::move(chunk)));
  }
  return nothing_more();
}

Bytes BodyStream::cut(std::size_t most) {
  if (taken_ == 0 && came_.size() <= most) return Bytes(std::exchange(came_, {}));
  const std::string_view chunk = unread().substr(0, most);
  taken_ += chunk.size();
  return Bytes::copy_of(chunk);
}

StreamRead::StreamRead(std::shared_ptr<BodyStream> body, std::size_t most) noexcept
    : body_(std::move(body)),
      most_(most),
      result_(Status(Cause::kInternal, "a read that has not ended")) {}

Operation<Bytes> StreamRead::start(std::shared_ptr<BodyStream> body, std::size_t most) {
  auto* const read = new StreamRead(std::move(body), most);
  OperationRef handle = OperationRef::adopt(read);
  read->ref();
  if (!read->body_->loop().post(read->start_)) {
    read->end(Status(Cause::kClosed, "the runtime is shut down, or could not start its thread"));
    read->unref();
  }
  return Operation<Bytes>(std::move(handle));
}

Operation<Bytes> StreamRead::refused(const Status& why) {
  auto* const read = new StreamRead(nullptr, 0);
  OperationRef handle = OperationRef::adopt(read);
  read->end(why);
  return Operation<Bytes>(std::move(handle));
}

void StreamRead::cancel() noexcept {
  if (done() || cancelled_.exchange(true, std::memory_order_relaxed)) return;
  ref();
  if (!body_->loop().post(cancel_)) unref();
}

void StreamRead::end(Result<Bytes> result) noexcept {
  if (!claim()) return;
  result_ = std::move(result);
  publish();
}

void StreamRead::Start::run() noexcept {
  owner.body_->read(owner);
  owner.unref();
}

void StreamRead::Cancel::run() noexcept {
  owner.body_->give_up(owner);
  owner.unref();
}

}  // namespace tidegate::internal
