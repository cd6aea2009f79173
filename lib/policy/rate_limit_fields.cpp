// SPDX-License-Identifier: Apache-2.0
#include "policy/rate_limit_fields.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/text.hpp"

namespace tidegate::policy {

namespace {

using internal::same_ignoring_case;
using internal::trimmed;

constexpr double kYear = 365 * 86'400.0;
constexpr double kTime = 30 * kYear;  // seconds since 1970, and no wait

// What is left of a limit, and the time until it is renewed, in seconds.
struct Left {
  std::optional<double> remaining;
  std::optional<double> reset;

  std::optional<double> nothing_for() const noexcept {
    return remaining && *remaining <= 0 ? reset : std::nullopt;
  }
};

std::optional<double> number(std::string_view text) noexcept {
  text = trimmed(text);
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  const bool is_number =
      read.ec == std::errc() && read.ptr == end && std::isfinite(value) && value >= 0;
  return is_number ? std::optional(value) : std::nullopt;
}

std::optional<double> seconds_until(std::optional<double> reset, WallTime now) noexcept {
  if (!reset || *reset < kTime) return reset;
  const double time = *reset < 1000 * kTime ? *reset : *reset / 1000;
  return std::max(0.0, time - static_cast<double>(now.time_since_epoch().count()));
}

// Cuts off what stands before the next `end` that is in no quoted string.
std::string_view part(std::string_view& text, char end) noexcept {
  bool is_quoted = false;
  std::size_t at = 0;
  for (; at < text.size() && (is_quoted || text[at] != end); ++at) {
    if (is_quoted && text[at] == '\\') ++at;
    if (at < text.size() && text[at] == '"') is_quoted = !is_quoted;
  }
  at = std::min(at, text.size());
  const std::string_view cut = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return cut;
}

void read(std::string_view pair, Left& left) noexcept {
  const auto sign = pair.find('=');
  if (sign == std::string_view::npos) return;
  const std::string_view name = trimmed(pair.substr(0, sign));
  const auto value = number(pair.substr(sign + 1));
  if (name == "r" || name == "remaining") left.remaining = value;
  if (name == "t" || name == "reset") left.reset = value;
}

class Longest {
 public:
  void add(const Left& left) noexcept {
    if (const auto nothing = left.nothing_for()) seconds_ = std::max(seconds_, *nothing);
  }
  std::optional<Duration> wait() const noexcept {
    if (seconds_ < 0) return std::nullopt;
    return std::chrono::ceil<Duration>(std::chrono::duration<double>(std::min(seconds_, kYear)));
  }

 private:
  double seconds_ = -1;
};

// Members of either kind: "name";r=0;t=1, or remaining=0, reset=1.
void add_list(std::string_view value, Longest& longest) noexcept {
  Left of_all;
  while (!value.empty()) {
    std::string_view member = part(value, ',');
    Left left;
    read(part(member, ';'), of_all);
    while (!member.empty()) read(part(member, ';'), left);
    longest.add(left);
  }
  longest.add(of_all);
}

}  // namespace

std::optional<Duration> nothing_left_for(const Headers& headers, WallTime now) noexcept {
  Longest longest;
  Left draft, usual, dashed;
  for (const auto& [name, value] : headers) {
    const auto is = [&name](std::string_view other) { return same_ignoring_case(name, other); };
    if (is("RateLimit")) add_list(value, longest);
    if (is("RateLimit-Remaining")) draft.remaining = number(value);
    if (is("RateLimit-Reset")) draft.reset = number(value);
    if (is("X-RateLimit-Remaining")) usual.remaining = number(value);
    if (is("X-RateLimit-Reset") && !usual.reset) usual.reset = number(value);
    if (is("X-RateLimit-Reset-After")) usual.reset = number(value);
    if (is("X-Rate-Limit-Remaining")) dashed.remaining = number(value);
    if (is("X-Rate-Limit-Reset")) dashed.reset = number(value);
  }
  for (Left* const left : {&draft, &usual, &dashed}) {
    left->reset = seconds_until(left->reset, now);
    longest.add(*left);
  }
  return longest.wait();
}

std::optional<Duration> asked_wait(const Headers& headers, int status, WallTime now) noexcept {
  if (const auto ms = retry_after_ms(headers.find("retry-after-ms").value_or(""))) return ms;
  if (const auto wait = retry_after(headers.find("retry-after").value_or(""), now)) return wait;
  const bool refuses = status == 429 || status == 503;
  return refuses ? nothing_left_for(headers, now) : std::nullopt;
}

}  // namespace tidegate::policy
