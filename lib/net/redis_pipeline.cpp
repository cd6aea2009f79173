// SPDX-License-Identifier: Apache-2.0
#include "net/redis_pipeline.hpp"

#include <cassert>
#include <new>
#include <string>
#include <utility>

namespace tidegate::internal {

namespace {

Status with_note(const Status& why, const char* note) noexcept try {
  return Status(why.cause(), std::string(why.message()).append("; ").append(note));
} catch (const std::bad_alloc&) {
  return why;
}

}  // namespace

Status RedisPipeline::admit(std::size_t bytes) const {
  if (line_.size() >= limits_.calls) {
    return Status(Cause::kSaturated, std::to_string(line_.size()) +
                                         " commands of Redis are under way, the limit is " +
                                         std::to_string(limits_.calls));
  }
  if (bytes_ + bytes > limits_.bytes) {
    return Status(Cause::kSaturated, std::to_string(bytes_) +
                                         " bytes are under way to Redis, the limit is " +
                                         std::to_string(limits_.bytes));
  }
  if (out_.unsent() + bytes > limits_.unsent) {
    return Status(Cause::kSaturated,
                  std::to_string(out_.unsent()) +
                      " bytes wait for the connection to Redis to take them, the limit is " +
                      std::to_string(limits_.unsent));
  }
  return {};
}

void RedisPipeline::expect(RedisCall& call, std::size_t replies) {
  assert(replies > 0 && replies <= RedisCall::kMostReplies && !call.place_);
  const std::uint64_t end = out_.end();
  const auto bytes = static_cast<std::size_t>(end - expected_until_);
  line_.push_back({&call, replies, bytes, expected_until_});
  call.place_ = &line_.back();
  expected_until_ = end;
  bytes_ += bytes;
  ++waited_for_;
  metrics_.in_flight.add(1);
  metrics_.in_flight_bytes.add(static_cast<std::int64_t>(bytes));
}

Status RedisPipeline::take(RedisReply reply) {
  if (!asked()) {
    return Status(Cause::kDecode, "Redis spoke unasked: nothing was due on the connection");
  }
  Place& first = line_.front();
  RedisCall* const call = first.call;
  if (call) call->replies_[call->count_++] = std::move(reply);
  if (--first.left > 0) return {};
  if (call) call->end(Status());
  drop_first();
  return {};
}

void RedisPipeline::fail(const Status& why) noexcept {
  if (line_.empty()) return;
  const std::uint64_t sent_until = out_.sent_until();
  const Status unknown = with_note(why, "whether the command was carried out is not known");
  const Status unsent = with_note(why, "the command was not sent");
  while (!line_.empty()) {
    Place& first = line_.front();
    if (first.call) first.call->end(first.begin < sent_until ? unknown : unsent);
    drop_first();
  }
  out_.truncate(0);
  expected_until_ = out_.end();
}

void RedisPipeline::drop_first() noexcept {
  const std::size_t bytes = line_.front().bytes;
  line_.pop_front();
  bytes_ -= bytes;
  metrics_.in_flight.add(-1);
  metrics_.in_flight_bytes.add(-static_cast<std::int64_t>(bytes));
}

bool RedisCall::wait(Scope& scope, std::coroutine_handle<> flow) noexcept {
  refuse(scope.reason());
  if (!scope.ok()) {
    leave();
    return false;
  }
  park(scope, flow);
  if (!until_.is_never()) scope.loop().arm(*this, until_.time());
  return true;
}

void RedisCall::leave() noexcept {
  if (!place_) return;
  place_->call = nullptr;
  place_ = nullptr;
  --line_.waited_for_;
}

void RedisCall::end(Status failure) noexcept {
  failure_ = std::move(failure);
  leave();
  if (!parked()) return;
  scope()->loop().disarm(*this);
  complete(Cause::kNone);
}

void RedisCall::fired() noexcept {
  leave();
  complete(Cause::kNotReady);
}

void RedisCall::on_cancel() noexcept {
  leave();
  scope()->loop().disarm(*this);
}

}  // namespace tidegate::internal
