// SPDX-License-Identifier: Apache-2.0
//
// BodyFeed: the body of a request between those who write it and the transfer that sends it.
//
//   write() ──▶ what waits, at most kRoom and a piece ──pull()──▶ transfer
//
// Under one mutex, because writes come before there is a loop, and from any thread. Nobody is told of
// anything under it: a write ends, and the loop is woken, when it has been left. After a fork the
// child leaves all of it as it lies, and the mutex too.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "base/fork.hpp"
#include "base/ports/loop.hpp"
#include "base/ports/upload_source.hpp"
#include "tidegate/bytes.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/upload.hpp"

namespace tidegate::internal {

template <class T>
class FeedOperation;
using FeedWrite = FeedOperation<std::size_t>;
using FeedEnd = FeedOperation<bool>;

class BodyFeed final : public UploadSource, public std::enable_shared_from_this<BodyFeed> {
 public:
  static constexpr std::size_t kRoom = std::size_t{256} << 10;

  explicit BodyFeed(std::optional<std::uint64_t> length, bool can_rewind = false) noexcept
      : length_(length), can_rewind_(can_rewind) {}
  ~BodyFeed() override;

  // Any thread.
  Operation<std::size_t> write(Bytes bytes);
  Status finish();
  Operation<bool> sent();
  void fail(Status why) noexcept;
  void give_up(FeedWrite& write) noexcept;
  void give_up(FeedEnd& end) noexcept;
  // True for the first request that has it.
  bool claim() noexcept { return !claimed_.exchange(true); }
  bool is_of_another_process() const noexcept { return generation_ != fork_generation(); }
  // Nobody can write it any more, nor give it to a request.
  void abandon() noexcept;
  void over() noexcept override;

  std::optional<std::uint64_t> length() const noexcept override { return length_; }
  void begin(Loop& loop, UploadSender& sender) noexcept override;
  Pulled pull(std::span<char> room) noexcept override;
  Status failure() const override;
  void end() noexcept override;
  bool can_rewind() const noexcept override { return can_rewind_; }
  bool rewind() noexcept override;

 private:
  struct Wake final : Message {
    void run() noexcept override;
    std::shared_ptr<BodyFeed> feed;  // while it is on its way
  };

  Status refusal(std::size_t size) const;
  Pulled take(std::span<char> room) noexcept;
  void wake() noexcept;
  void woken() noexcept;

  const std::uint64_t generation_ = fork_generation();
  const std::optional<std::uint64_t> length_;
  const bool can_rewind_;
  std::atomic<bool> claimed_{false};
  UploadSender* sender_ = nullptr;  // the loop's

  mutable std::mutex mutex_;
  std::deque<Bytes> waiting_;  // guarded by mutex_, like all below
  std::size_t sent_ = 0;       // of the first of them
  std::size_t size_ = 0;       // of all that wait
  std::size_t pending_ = 0;    // of the write that waits for room
  std::uint64_t written_ = 0;  // in all
  bool was_pulled_ = false;    // something, or its end
  bool begins_again_ = false;  // and who writes does not know
  bool is_given_up_ = false;   // by who writes
  bool finished_ = false;
  bool over_ = false;
  Status failed_;
  FeedWrite* writing_ = nullptr;  // holds a reference, like the next
  FeedEnd* ending_ = nullptr;
  Loop* loop_ = nullptr;    // while there is a transfer
  bool is_hungry_ = false;  // the transfer waits for a wake
  Wake wake_;
};

// A write, or a wait for the end.
template <class T>
class FeedOperation final : public OperationState {
 public:
  explicit FeedOperation(std::shared_ptr<BodyFeed> feed) noexcept
      : feed_(std::move(feed)),
        result_(Status(Cause::kInternal, "an operation that has not ended")) {}

  void cancel() noexcept override { feed_->give_up(*this); }
  const void* result() const noexcept override { return &result_; }

  void end(Result<T> result) noexcept {
    if (!claim()) return;
    result_ = std::move(result);
    publish();
  }
  // For a reference that somebody held.
  static void end(FeedOperation* held, Result<T> result) noexcept {
    if (!held) return;
    held->end(std::move(result));
    held->unref();
  }

 private:
  const std::shared_ptr<BodyFeed> feed_;
  Result<T> result_;
};

// What the copies of an Upload share.
class UploadHandle {
 public:
  explicit UploadHandle(std::optional<std::uint64_t> length, bool can_rewind = false)
      : feed_(std::make_shared<BodyFeed>(length, can_rewind)) {}
  UploadHandle(const UploadHandle&) = delete;
  UploadHandle& operator=(const UploadHandle&) = delete;
  ~UploadHandle() { feed_->abandon(); }
  const std::shared_ptr<BodyFeed>& feed() const noexcept { return feed_; }

 private:
  const std::shared_ptr<BodyFeed> feed_;
};

}  // namespace tidegate::internal
