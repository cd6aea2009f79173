// SPDX-License-Identifier: Apache-2.0
#include "policy/retry_after.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/text.hpp"

namespace tidegate::policy {

namespace {

using internal::same_ignoring_case;
using internal::trimmed;

constexpr std::int64_t kYearInSeconds = std::int64_t{365} * 86'400;

// Digits alone: no sign, no fraction. What does not fit is the most.
std::optional<std::int64_t> number(std::string_view text, std::int64_t most) noexcept {
  const bool digits =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || !digits) return std::nullopt;
  std::int64_t value = most;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() ? std::min(value, most) : most;
}

std::optional<unsigned> month(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 12> kNames = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (unsigned i = 0; i < kNames.size(); ++i) {
    if (same_ignoring_case(name, kNames[i])) return i + 1;
  }
  return std::nullopt;
}

// Cuts off the next word: what stands before one of `ends`, which are skipped.
std::string_view word(std::string_view& text, std::string_view ends) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(ends), text.size()));
  const std::string_view found = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(found.size());
  return found;
}

std::optional<std::chrono::seconds> time_of_day(std::string_view text) noexcept {
  if (text.size() != 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const auto hour = number(text.substr(0, 2), 99);
  const auto minute = number(text.substr(3, 2), 99);
  const auto second = number(text.substr(6, 2), 99);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  return std::chrono::seconds(*hour * 3600 + *minute * 60 + *second);
}

// Of two digits: the one that is nearest.
std::optional<int> year(std::string_view text, WallTime now) noexcept {
  const auto value = number(text, 9999);
  if (!value || (text.size() != 2 && text.size() != 4)) return std::nullopt;
  if (text.size() == 4) return static_cast<int>(*value);
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  const int century = static_cast<int>(today.year()) / 100 * 100;
  const int near = century + static_cast<int>(*value);
  if (near > static_cast<int>(today.year()) + 50) return near - 100;
  return near < static_cast<int>(today.year()) - 50 ? near + 100 : near;
}

}  // namespace

std::optional<WallTime> http_date(std::string_view text, WallTime now) noexcept {
  // "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"
  std::string_view rest = trimmed(text);
  const bool is_asctime = rest.find(',') == std::string_view::npos;
  (void)word(rest, ", ");
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) part = word(rest, is_asctime ? " " : ", -");
  if (is_asctime) parts = {parts[1], parts[0], parts[3], parts[2]};
  const auto day = number(parts[0], 99);
  const auto in = month(parts[1]);
  const auto of = year(parts[2], now);
  const auto at = time_of_day(parts[3]);
  const std::string_view zone = word(rest, " ");
  const bool ends_well = (is_asctime ? zone.empty() : zone == "GMT") && trimmed(rest).empty();
  if (!day || !in || !of || !at || !ends_well) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*of), std::chrono::month(*in),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + *at;
}

std::optional<Duration> retry_after(std::string_view value, WallTime now) noexcept {
  const std::string_view text = trimmed(value);
  if (const auto seconds = number(text, kYearInSeconds)) return std::chrono::seconds(*seconds);
  const auto date = http_date(text, now);
  if (!date) return std::nullopt;
  const std::int64_t left = (*date - now).count();
  return std::chrono::seconds(std::clamp<std::int64_t>(left, 0, kYearInSeconds));
}

std::optional<Duration> retry_after_ms(std::string_view value) noexcept {
  const auto milliseconds = number(trimmed(value), kYearInSeconds * 1000);
  if (!milliseconds) return std::nullopt;
  return std::chrono::milliseconds(*milliseconds);
}

}  // namespace tidegate::policy
