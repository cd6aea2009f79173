// SPDX-License-Identifier: Apache-2.0
#include "net/redis_verbs.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>
#include <vector>

#include "net/redis_command.hpp"
#include "net/redis_error.hpp"

namespace tidegate::internal {

// pcall, because before Redis 7 an error that leaves a script has lost its first word.
constexpr std::string_view kSetScript = R"(local seen = redis.call('GET', KEYS[2])
if (seen or '') ~= ARGV[3] then return 0 end
local set = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if set.err then return set end
return 1
)";
const RedisScript kRedisSetScript{kSetScript, "6ebc98ea244cb27f8e9beffcf51683dd28f43b17"};

constexpr std::string_view kInvalidateScript =
    R"(local set = redis.pcall('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
if set.err then return set end
local deleted = redis.pcall('DEL', KEYS[1])
if type(deleted) == 'table' then return deleted end
return redis.pcall('PUBLISH', ARGV[3], ARGV[4])
)";
const RedisScript kRedisInvalidateScript{kInvalidateScript,
                                         "9d3575d71a9c59b57e720a969775d652bf45f32f"};

constexpr std::string_view kRaiseScript =
    R"(local stored = redis.pcall('GET', KEYS[1])
if type(stored) == 'table' or stored and ARGV[1] == 'begin' then return stored end
local known, number = tonumber(stored or ''), ARGV[2]
if known and known >= tonumber(number) then
  number = string.format('%.0f', known + 1 + known % 2)
end
local set = redis.pcall('SET', KEYS[1], number)
if set.err then return set end
local told = redis.pcall('PUBLISH', ARGV[3], ARGV[4])
if type(told) == 'table' then return told end
return number
)";
const RedisScript kRedisRaiseScript{kRaiseScript, "392a6d5a209299fa526aa8dd6e25cab9093f75cc"};

namespace {

using Kind = RedisReply::Kind;
using Verb = RedisCore::Verb;

// What a command has beside its arguments.
constexpr std::size_t kFraming = 128;

Status error_of(const RedisReply& reply) {
  return reply.kind == Kind::kError ? redis_error_status(reply.text) : Status();
}

Status unexpected() {
  return Status(Cause::kDecode, "Redis answered with another type than the command has");
}

bool is_of_another_type(const RedisReply& reply) noexcept {
  return reply.kind == Kind::kError && redis_error_kind(reply.text) == RedisErrorKind::kWrongType;
}

Result<KvFound> found_in(RedisCall& call) {
  KvFound found;
  RedisReply& value = call.reply(0);
  const RedisReply& life = call.reply(1);
  RedisReply& guard = call.reply(2);
  if (value.kind == Kind::kString) {
    found.value = std::move(value.text);
  } else if (value.kind != Kind::kNil && !is_of_another_type(value)) {
    return value.kind == Kind::kError ? error_of(value) : unexpected();
  }
  if (life.kind != Kind::kInteger) return life.kind == Kind::kError ? error_of(life) : unexpected();
  if (life.integer > 0) found.left = std::chrono::milliseconds(life.integer);
  // It ended between the two commands.
  if (life.integer == -2 || life.integer == 0) found.value.reset();
  if (!found.value) found.left = Duration::zero();
  if (guard.kind == Kind::kString) {
    found.guard = std::move(guard.text);
  } else if (guard.kind != Kind::kNil && !is_of_another_type(guard)) {
    return guard.kind == Kind::kError ? error_of(guard) : unexpected();
  }
  return found;
}

Result<std::int64_t> number_in(const RedisReply& reply) {
  if (reply.kind == Kind::kError) return error_of(reply);
  std::int64_t number = 0;
  const char* const end = reply.text.data() + reply.text.size();
  const auto [at, error] = std::from_chars(reply.text.data(), end, number);
  if (reply.kind != Kind::kString || error != std::errc() || at != end) {
    return Status(Cause::kDecode, "the key in Redis holds no number");
  }
  return number;
}

// Whoever may not ask the server for its time takes the host's.
Task<Result<std::int64_t>> grow(Ref<RedisCore> core, KvNumber what, bool begins) {
  auto asking = redis_time(core);
  const Result<Duration> time = co_await std::move(asking);
  const Cause cause = time.status().cause();
  const bool is_denied = cause == Cause::kConfig || cause == Cause::kQueryError;
  if (!time.ok() && !is_denied) co_return time.status();
  const Duration since_1970 =
      time.ok() ? *time : Duration(std::chrono::system_clock::now().time_since_epoch());
  const auto now = std::chrono::floor<std::chrono::microseconds>(since_1970).count();
  const std::int64_t least = begins ? what.least_begun(now) : what.least_raised(now);
  std::vector<std::string> keys{std::move(what.name)};
  std::vector<std::string> arguments{begins ? "begin" : "raise", std::to_string(least),
                                     std::move(what.channel), std::move(what.message)};
  auto running = redis_run(core, kRedisRaiseScript, std::move(keys), std::move(arguments));
  const Result<RedisReply> grown = co_await std::move(running);
  if (!grown.ok()) co_return grown.status();
  co_return number_in(*grown);
}

}  // namespace

Task<Result<KvFound>> redis_get(Ref<RedisCore> core, std::string name, std::string guard) {
  const Scope& scope = co_await this_scope();
  core->metrics().gets.add();
  const TimePoint begun = scope.loop().now();
  RedisCall call(core->line(), core->bound());
  Status status = core->begin(scope, 2 * name.size() + guard.size() + kFraming);
  if (!status.ok()) co_return status;
  append_get(core->out(), name);
  append_pttl(core->out(), name);
  append_get(core->out(), guard);
  core->expect(call, 3);
  const Cause woken = co_await call;
  status = core->ended(call, woken, begun, Verb::kRead);
  if (!status.ok()) co_return status;
  co_return found_in(call);
}

Task<Result<bool>> redis_set(Ref<RedisCore> core, KvSet what) {
  core->metrics().sets.add();
  const std::size_t most = core->place().options.limits.string_bytes;
  if (what.value.size() > most) {
    co_return Status(Cause::kTooLarge, "a value for Redis has " +
                                           std::to_string(what.value.size()) +
                                           " bytes, the limit is " + std::to_string(most));
  }
  std::vector<std::string> keys{std::move(what.name), std::move(what.guard)};
  std::vector<std::string> arguments{std::move(what.value), redis_milliseconds(what.life),
                                     std::move(what.guard_seen)};
  auto running = redis_run(core, kRedisSetScript, std::move(keys), std::move(arguments));
  const Result<RedisReply> set = co_await std::move(running);
  if (!set.ok()) co_return set.status();
  if (set->kind != Kind::kInteger) co_return unexpected();
  if (set->integer == 0) core->metrics().fenced_sets.add();
  co_return set->integer != 0;
}

Task<Status> redis_invalidate(Ref<RedisCore> core, KvInvalidate what) {
  core->metrics().invalidations.add();
  std::vector<std::string> keys{std::move(what.name), std::move(what.guard)};
  std::vector<std::string> arguments{std::move(what.token), redis_milliseconds(what.guard_life),
                                     std::move(what.channel), std::move(what.message)};
  auto running = redis_run(core, kRedisInvalidateScript, std::move(keys), std::move(arguments));
  const Result<RedisReply> told = co_await std::move(running);
  co_return told.status();
}

Task<Result<std::int64_t>> redis_number(Ref<RedisCore> core, KvNumber what) {
  const Scope& scope = co_await this_scope();
  const TimePoint begun = scope.loop().now();
  RedisCall call(core->line(), core->bound());
  Status status = core->begin(scope, what.name.size() + kFraming);
  if (!status.ok()) co_return status;
  append_get(core->out(), what.name);
  core->expect(call, 1);
  const Cause woken = co_await call;
  status = core->ended(call, woken, begun, Verb::kRead);
  if (!status.ok()) co_return status;
  if (call.reply(0).kind != Kind::kNil) co_return number_in(call.reply(0));
  auto beginning = grow(core, std::move(what), true);
  Result<std::int64_t> first = co_await std::move(beginning);
  co_return first;
}

Task<Result<std::int64_t>> redis_raise(Ref<RedisCore> core, KvNumber what) {
  return grow(std::move(core), std::move(what), false);
}

}  // namespace tidegate::internal
