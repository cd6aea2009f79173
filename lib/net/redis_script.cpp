// SPDX-License-Identifier: Apache-2.0
#include "net/redis_script.hpp"

#include <charconv>
#include <utility>

#include "net/redis_command.hpp"
#include "net/redis_error.hpp"

namespace tidegate::internal {

namespace {

using Kind = RedisReply::Kind;
using Verb = RedisCore::Verb;

std::size_t size_of(const RedisScript& script, const std::vector<std::string>& keys,
                    const std::vector<std::string>& arguments) noexcept {
  constexpr std::size_t kFraming = 32;  // of each
  std::size_t size = script.text.size() + 3 * kFraming;
  for (const std::string& each : keys) size += each.size() + kFraming;
  for (const std::string& each : arguments) size += each.size() + kFraming;
  return size;
}

bool read_number(const RedisReply& reply, std::int64_t& number) noexcept {
  const char* const end = reply.text.data() + reply.text.size();
  const auto [at, error] = std::from_chars(reply.text.data(), end, number);
  return reply.kind == Kind::kString && error == std::errc() && at == end && number >= 0;
}

Result<Duration> time_in(const RedisReply& reply) {
  constexpr std::int64_t kMostSeconds = 4'000'000'000;  // a Duration ends at 9 billion
  if (reply.kind == Kind::kError) return redis_error_status(reply.text);
  std::int64_t seconds = 0;
  std::int64_t microseconds = 0;
  const bool is_time = reply.kind == Kind::kArray && reply.elements.size() == 2 &&
                       read_number(reply.elements[0], seconds) &&
                       read_number(reply.elements[1], microseconds) && seconds < kMostSeconds &&
                       microseconds < 1'000'000;
  if (!is_time) return Status(Cause::kDecode, "Redis answered TIME with something else");
  return Duration(std::chrono::seconds(seconds) + std::chrono::microseconds(microseconds));
}

}  // namespace

Task<Result<RedisReply>> redis_run(Ref<RedisCore> core, RedisScript script,
                                   std::vector<std::string> keys,
                                   std::vector<std::string> arguments) {
  const Scope& scope = co_await this_scope();
  const TimePoint begun = scope.loop().now();
  const Deadline until = core->bound();
  for (bool by_hash = true;; by_hash = false) {
    RedisCall call(core->line(), until);
    Status status = core->begin(scope, size_of(script, keys, arguments));
    if (!status.ok()) co_return status;
    append_script(core->out(), by_hash ? "EVALSHA" : "EVAL", by_hash ? script.hash : script.text,
                  keys, arguments);
    core->expect(call, 1);
    const Cause woken = co_await call;
    status = core->ended(call, woken, begun, Verb::kWrite);
    if (!status.ok()) co_return status;
    RedisReply& reply = call.reply(0);
    if (reply.kind != Kind::kError) co_return std::move(reply);
    if (!by_hash || !reply.text.starts_with("NOSCRIPT")) co_return redis_error_status(reply.text);
  }
}

// Whoever may not ask for the time may do the rest.
Task<Result<Duration>> redis_time(Ref<RedisCore> core) {
  const Scope& scope = co_await this_scope();
  const TimePoint begun = scope.loop().now();
  constexpr std::size_t kBytes = 32;
  RedisCall call(core->line(), core->bound());
  Status status = core->begin(scope, kBytes);
  if (!status.ok()) co_return status;
  append_time(core->out());
  core->expect(call, 1);
  const Cause woken = co_await call;
  status = core->ended(call, woken, begun, Verb::kWrite);
  if (!status.ok()) co_return status;
  co_return time_in(call.reply(0));
}

}  // namespace tidegate::internal
