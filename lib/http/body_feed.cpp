// SPDX-License-Identifier: Apache-2.0
#include "http/body_feed.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace tidegate::internal {

namespace {

Status forked() {
  return Status(Cause::kClosed, "the body belongs to the process before the fork");
}

}  // namespace

BodyFeed::~BodyFeed() = default;

// Why so many bytes are not taken. REQUIRES: mutex_.
Status BodyFeed::refusal(std::size_t size) const {
  if (over_) return Status(Cause::kClosed, "the request has ended");
  if (!failed_.ok()) return failed_;
  if (finished_) return Status(Cause::kBadArgument, "a write after the end of the body");
  if (writing_) return Status(Cause::kBadArgument, "another write waits for room");
  if (length_ && size > *length_ - written_) {
    return Status(Cause::kBadArgument,
                  "a body of more than the " + std::to_string(*length_) + " bytes that it has");
  }
  return {};
}

Operation<std::size_t> BodyFeed::write(Bytes bytes) {
  const std::size_t size = bytes.size();
  auto* const write = new FeedWrite(shared_from_this());
  OperationRef handle = OperationRef::adopt(write);
  Operation<std::size_t> operation(std::move(handle));
  if (is_of_another_process()) {
    write->end(forked());
    return operation;
  }
  std::unique_lock lock(mutex_);
  Status refused = refusal(size);
  const bool is_in_vain = refused.ok() && std::exchange(begins_again_, false);
  bool has_room = true;
  if (refused.ok() && !is_in_vain && size > 0) {
    waiting_.push_back(std::move(bytes));
    size_ += size;
    written_ += size;
    has_room = size_ < kRoom;
    if (!has_room) {
      writing_ = write;
      pending_ = size;
      write->ref();
    }
    wake();
  }
  lock.unlock();
  if (!refused.ok()) {
    write->end(std::move(refused));
  } else if (has_room) {
    write->end(is_in_vain ? 0 : size);
  }
  return operation;
}

Status BodyFeed::finish() {
  if (is_of_another_process()) return forked();
  std::unique_lock lock(mutex_);
  if (over_ || finished_ || begins_again_ || !failed_.ok()) return failed_;
  const bool is_short = length_ && written_ < *length_;
  if (is_short) {
    failed_ = Status(Cause::kBadArgument, "a body that ended after " + std::to_string(written_) +
                                              " of its " + std::to_string(*length_) + " bytes");
  } else {
    finished_ = true;
  }
  wake();
  return failed_;
}

Operation<bool> BodyFeed::sent() {
  auto* const end = new FeedEnd(shared_from_this());
  Operation<bool> operation(OperationRef::adopt(end));
  if (is_of_another_process()) {
    end->end(forked());
    return operation;
  }
  std::unique_lock lock(mutex_);
  const bool is_in_vain = std::exchange(begins_again_, false);
  const bool is_second = ending_ != nullptr;
  if (!over_ && !is_in_vain && !is_second) {
    ending_ = end;
    end->ref();
    return operation;
  }
  const bool is_over = over_;
  lock.unlock();
  if (is_over || is_in_vain) {
    end->end(is_over);
  } else {
    end->end(Status(Cause::kBadArgument, "another wait for the end of the body"));
  }
  return operation;
}

void BodyFeed::fail(Status why) noexcept {
  if (is_of_another_process()) return;
  FeedWrite* write = nullptr;
  {
    std::lock_guard lock(mutex_);
    is_given_up_ = true;
    if (over_ || finished_ || !failed_.ok()) return;
    failed_ = std::move(why);
    write = std::exchange(writing_, nullptr);
    wake();
  }
  FeedWrite::end(write, Status(Cause::kClosed, "the body was given up"));
}

void BodyFeed::abandon() noexcept {
  fail(Status(Cause::kCancelled, "its body was given up before its end"));
  if (!is_of_another_process() && claim()) over();
}

void BodyFeed::give_up(FeedWrite& write) noexcept {
  if (is_of_another_process()) return;
  {
    std::lock_guard lock(mutex_);
    if (writing_ != &write) return;
    writing_ = nullptr;
  }
  FeedWrite::end(&write, Status(Cause::kCancelled, "the write was cancelled"));
}

void BodyFeed::give_up(FeedEnd& end) noexcept {
  if (is_of_another_process()) return;
  {
    std::lock_guard lock(mutex_);
    if (ending_ != &end) return;
    ending_ = nullptr;
  }
  FeedEnd::end(&end, Status(Cause::kCancelled, "the wait was cancelled"));
}

void BodyFeed::over() noexcept {
  FeedWrite* write = nullptr;
  FeedEnd* end = nullptr;
  std::deque<Bytes> dropped;
  {
    std::lock_guard lock(mutex_);
    over_ = true;
    write = std::exchange(writing_, nullptr);
    end = std::exchange(ending_, nullptr);
    dropped.swap(waiting_);
    size_ = sent_ = 0;
  }
  FeedWrite::end(write, Status(Cause::kClosed, "the request has ended"));
  FeedEnd::end(end, true);
}

// Who waits is told by it; who does not, by the next thing that it does.
bool BodyFeed::rewind() noexcept {
  FeedWrite* write = nullptr;
  FeedEnd* end = nullptr;
  std::deque<Bytes> dropped;
  {
    std::lock_guard lock(mutex_);
    if (!was_pulled_) return true;
    if (!can_rewind_) return false;
    write = std::exchange(writing_, nullptr);
    end = std::exchange(ending_, nullptr);
    dropped.swap(waiting_);
    size_ = sent_ = 0;
    written_ = 0;
    was_pulled_ = finished_ = false;
    begins_again_ = !write && !end;
    if (is_given_up_)
      failed_ = Status(Cause::kCancelled, "its body was given up, and is wanted again");
  }
  FeedWrite::end(write, 0);
  FeedEnd::end(end, false);
  return true;
}

void BodyFeed::begin(Loop& loop, UploadSender& sender) noexcept {
  sender_ = &sender;
  std::lock_guard lock(mutex_);
  loop_ = &loop;
}

void BodyFeed::end() noexcept {
  sender_ = nullptr;
  std::lock_guard lock(mutex_);
  loop_ = nullptr;
  is_hungry_ = false;
}

Pulled BodyFeed::pull(std::span<char> room) noexcept {
  FeedWrite* write = nullptr;
  std::size_t written = 0;
  Pulled pulled;
  {
    std::lock_guard lock(mutex_);
    pulled = take(room);
    was_pulled_ = was_pulled_ || pulled.what == Pull::kBytes || pulled.what == Pull::kEnd;
    if (size_ < kRoom / 2) write = std::exchange(writing_, nullptr);
    written = pending_;
  }
  FeedWrite::end(write, written);
  return pulled;
}

Pulled BodyFeed::take(std::span<char> room) noexcept {
  if (!failed_.ok()) return {.what = Pull::kFailed};
  std::size_t size = 0;
  while (size < room.size() && !waiting_.empty()) {
    const std::string_view left = waiting_.front().view().substr(sent_);
    const std::string_view part = left.substr(0, room.size() - size);
    std::copy(part.begin(), part.end(), room.begin() + static_cast<std::ptrdiff_t>(size));
    size += part.size();
    sent_ += part.size();
    if (part.size() < left.size()) break;
    waiting_.pop_front();
    sent_ = 0;
  }
  size_ -= size;
  if (size > 0) return {.what = Pull::kBytes, .size = size};
  if (finished_) return {.what = Pull::kEnd};
  is_hungry_ = true;
  return {.what = Pull::kNothing};
}

Status BodyFeed::failure() const {
  std::lock_guard lock(mutex_);
  return failed_;
}

// REQUIRES: mutex_. A loop that takes no message has ended the request by itself.
void BodyFeed::wake() noexcept {
  if (!std::exchange(is_hungry_, false) || wake_.feed) return;
  wake_.feed = shared_from_this();
  if (!loop_->post(wake_)) wake_.feed.reset();
}

void BodyFeed::Wake::run() noexcept {
  const std::shared_ptr<BodyFeed> held = feed;
  held->woken();
}

void BodyFeed::woken() noexcept {
  std::shared_ptr<BodyFeed> held;
  {
    std::lock_guard lock(mutex_);
    held.swap(wake_.feed);
  }
  if (sender_) sender_->send_on();
}

}  // namespace tidegate::internal

namespace tidegate {

Upload::Upload() : handle_(std::make_shared<internal::UploadHandle>(std::nullopt)) {}
Upload::Upload(std::shared_ptr<internal::UploadHandle> handle) noexcept
    : handle_(std::move(handle)) {}
Upload Upload::rewindable(std::uint64_t size) {
  return Upload(std::make_shared<internal::UploadHandle>(size, true));
}
Operation<bool> Upload::sent() const { return handle_->feed()->sent(); }
Upload::Upload(std::uint64_t size) : handle_(std::make_shared<internal::UploadHandle>(size)) {}

Operation<std::size_t> Upload::write(Bytes bytes) const {
  return handle_->feed()->write(std::move(bytes));
}
Status Upload::finish() const { return handle_->feed()->finish(); }
void Upload::fail(Status why) const {
  const bool is_none = why.ok();
  handle_->feed()->fail(is_none ? Status(Cause::kCancelled, "the body was given up")
                                : std::move(why));
}

}  // namespace tidegate
