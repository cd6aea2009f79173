// SPDX-License-Identifier: Apache-2.0
//
// BodyStream: the body of a response between the transfer that brings it and the reads that take it.
//
//   transfer ──take()──▶ what has come, as it came ──decoded on demand──▶ read()
//                        at most kRoom and a piece
//
// It is decoded only as far as somebody reads, a slice at a time, so that a body which explodes does
// so in nobody's memory. Everything is on the loop, but for close(); it is destroyed on any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ports/body_sink.hpp"
#include "base/ports/loop.hpp"
#include "http/decoder.hpp"
#include "tidegate/bytes.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class StreamRead;

class BodyStream {
 public:
  static constexpr std::size_t kRoom = std::size_t{256} << 10;
  static constexpr std::size_t kSlice = std::size_t{64} << 10;

  // `what` begins a message.
  BodyStream(Loop& loop, std::string what) noexcept : loop_(loop), what_(std::move(what)) {}

  Loop& loop() const noexcept { return loop_; }

  // Before anything comes, where it is to be decoded.
  void decode(ContentDecoder decoder) noexcept { decoder_.emplace(std::move(decoder)); }
  // Where it cannot be: all reads end so.
  void fail(const Status& why);

  void flow_from(BodySource& source) noexcept { source_ = &source; }
  void flow_ended() noexcept { source_ = nullptr; }
  bool take(std::string_view bytes);
  // A whole body at once.
  void keep(std::string_view bytes) { add(bytes); }
  // OK, or why it is not whole.
  void end(Status why) noexcept;

  void read(StreamRead& read) noexcept;
  // Its reader wants it no longer.
  void give_up(StreamRead& read) noexcept;

  // Reads end with kClosed from now on. Any thread.
  void close() noexcept { closed_.store(true, std::memory_order_relaxed); }

 private:
  std::string_view unread() const noexcept { return std::string_view(came_).substr(taken_); }
  void add(std::string_view bytes);
  void deliver() noexcept;
  // Nothing where the read has to wait.
  std::optional<Result<Bytes>> next(std::size_t most);
  std::optional<Result<Bytes>> decoded(std::size_t most);
  std::optional<Result<Bytes>> nothing_more();
  Bytes cut(std::size_t most);

  Loop& loop_;
  const std::string what_;
  std::atomic<bool> closed_{false};
  std::string came_;
  std::size_t taken_ = 0;  // of its front
  std::size_t total_ = 0;  // that has come in all
  std::optional<ContentDecoder> decoder_;
  bool is_hungry_ = true;  // the decoder makes nothing more of what it has
  BodySource* source_ = nullptr;
  bool stands_still_ = false;
  StreamRead* reading_ = nullptr;  // holds a reference
  std::optional<Status> end_;      // of what comes
  Status failed_;                  // to decode
};

// A read of one.
class StreamRead final : public OperationState {
 public:
  static Operation<Bytes> start(std::shared_ptr<BodyStream> body, std::size_t most);
  static Operation<Bytes> refused(const Status& why);

  void cancel() noexcept override;
  const void* result() const noexcept override { return &result_; }

  // On the loop.
  std::size_t most() const noexcept { return most_; }
  void end(Result<Bytes> result) noexcept;

 private:
  StreamRead(std::shared_ptr<BodyStream> body, std::size_t most) noexcept;
  struct Start final : Message {
    explicit Start(StreamRead& read) noexcept : owner(read) {}
    void run() noexcept override;
    StreamRead& owner;
  };
  struct Cancel final : Message {
    explicit Cancel(StreamRead& read) noexcept : owner(read) {}
    void run() noexcept override;
    StreamRead& owner;
  };

  const std::shared_ptr<BodyStream> body_;
  const std::size_t most_;
  std::atomic<bool> cancelled_{false};
  Start start_{*this};
  Cancel cancel_{*this};
  Result<Bytes> result_;
};

}  // namespace tidegate::internal
