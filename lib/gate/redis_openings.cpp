// SPDX-License-Identifier: Apache-2.0
#include "gate/redis_openings.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>
#include <vector>

#include "policy/breaker_word.hpp"

namespace tidegate::internal {

namespace {

using Kind = RedisReply::Kind;
using policy::BreakerRecord;
using Milliseconds = std::chrono::milliseconds;

constexpr std::size_t kMostDigits = 32;

std::string text_of(Duration time) {
  return std::to_string(std::chrono::ceil<Milliseconds>(std::max(time, Duration::zero())).count());
}

// Of an element: a number from zero to `most`.
std::optional<std::uint64_t> number_in(const RedisReply& reply, std::uint64_t most) noexcept {
  const char* const end = reply.text.data() + reply.text.size();
  std::uint64_t number = 0;
  const auto [at, error] = std::from_chars(reply.text.data(), end, number);
  const bool is_one = reply.kind == Kind::kString && error == std::errc() && at == end;
  return is_one && number <= most ? std::optional(number) : std::nullopt;
}

Result<RemoteOpenings::Answer> answer_in(const RedisReply& reply) {
  constexpr std::uint64_t kLongest = Milliseconds(std::chrono::hours(48)).count();
  const Status unexpected(Cause::kDecode, "Redis answered a breaker's script with something else");
  const std::vector<RedisReply>& parts = reply.elements;
  if (reply.kind != Kind::kArray || parts.size() != 6) return unexpected;
  if (parts[0].kind != Kind::kString || parts[0].text.size() > kMostDigits) return unexpected;
  const auto state = number_in(parts[1], 2);
  const auto mode = number_in(parts[2], 3);
  const auto openings = number_in(parts[3], policy::BreakerWord::kMostOpenings);
  const auto left = number_in(parts[4], kLongest);
  const auto why = number_in(parts[5], UINT64_MAX >> policy::kGenerationBits);
  if (!state || !mode || !openings || !left || !why) return unexpected;
  return RemoteOpenings::Answer{.id = parts[0].text,
                                .is = {.state = static_cast<policy::Breaker::State>(*state),
                                       .mode = static_cast<policy::Breaker::Mode>(*mode),
                                       .openings = static_cast<std::uint32_t>(*openings),
                                       .left = Milliseconds(*left),
                                       .why = *why}};
}

}  // namespace

RedisOpenings::RedisOpenings(std::shared_ptr<RedisClient> redis,
                             const BreakerOptions::Values& options)
    : redis_(std::move(redis)),
      key_(key_of(options.name)),
      keep_(2 * options.max_open_for + options.probe_timeout) {}

Task<Result<RemoteOpenings::Answer>> RedisOpenings::exchange(std::string known,
                                                             std::optional<News> news) {
  std::vector<std::string> arguments{std::move(known)};
  if (news) {
    const BreakerRecord& is = news->what.is;
    arguments.push_back(std::move(news->id));
    arguments.push_back(std::to_string(static_cast<int>(is.state)));
    arguments.push_back(std::to_string(static_cast<int>(is.mode)));
    arguments.push_back(std::to_string(is.openings));
    arguments.push_back(text_of(is.left));
    arguments.push_back(std::to_string(is.why));
    arguments.push_back(text_of(keep_));
    arguments.emplace_back(news->what.was_closed ? "1" : "0");
    arguments.emplace_back(news->what.is_order ? "1" : "0");
  }
  auto asking = redis_->run(kRedisOpeningsScript, key_, std::move(arguments));
  const auto reply = co_await std::move(asking);
  if (!reply.ok()) co_return reply.status();
  co_return answer_in(*reply);
}

}  // namespace tidegate::internal
