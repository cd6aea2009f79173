// SPDX-License-Identifier: Apache-2.0

#include "tidegate/deadline.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace tidegate {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

constexpr Unit kUnits[] = {
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60 * 1'000'000'000LL},
    {"h", 3'600 * 1'000'000'000LL},
    {"d", 86'400 * 1'000'000'000LL},
};

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

Status refused(std::string_view text, std::string_view why) {
  constexpr std::size_t kShown = 64;
  std::string message = "duration '";
  message.append(text.substr(0, kShown)).append(text.size() > kShown ? "…' " : "' ").append(why);
  return Status(Cause::kBadArgument, message);
}

}  // namespace

Deadline Deadline::after(Duration timeout, TimePoint from) noexcept {
  if (timeout <= Duration::zero()) return Deadline(from);
  if (from > TimePoint::max() - timeout) return never();
  return Deadline(from + timeout);
}

Duration Deadline::left(TimePoint now) const noexcept {
  if (is_never()) return Duration::max();
  if (at_ <= now) return Duration::zero();
  // Only a time before the clock's zero can be so far away that the difference does not fit.
  if (now < TimePoint() && at_ > TimePoint::max() + now.time_since_epoch()) return Duration::max();
  return at_ - now;
}

Result<Duration> parse_duration(std::string_view text) {
  std::string_view rest = text;
  if (!rest.empty() && rest.front() == '-') return refused(text, "is negative");

  std::size_t whole_size = 0;
  while (whole_size < rest.size() && is_digit(rest[whole_size])) ++whole_size;
  const std::string_view whole = rest.substr(0, whole_size);
  rest.remove_prefix(whole_size);
  std::string_view fraction;
  if (!rest.empty() && rest.front() == '.') {
    std::size_t size = 1;
    while (size < rest.size() && is_digit(rest[size])) ++size;
    fraction = rest.substr(1, size - 1);
    if (fraction.empty()) return refused(text, "has no digit after the point");
    rest.remove_prefix(size);
  }
  if (whole.empty())
    return refused(text, "does not start with a number, like \"15s\" or \"250ms\"");
  if (rest.empty()) return refused(text, "has no unit: use ns, us, ms, s, m, h or d");
  if (rest.front() == ' ') rest.remove_prefix(1);

  const Unit* unit = nullptr;
  for (const Unit& candidate : kUnits) {
    if (candidate.name == rest) unit = &candidate;
  }
  if (unit == nullptr) return refused(text, "has an unknown unit: use ns, us, ms, s, m, h or d");

  std::int64_t ns = 0;
  for (char c : whole) {
    const std::int64_t digit = c - '0';
    if (ns > (kMax / unit->ns - digit) / 10) return refused(text, "does not fit 292 years");
    ns = ns * 10 + digit;
  }
  ns *= unit->ns;
  std::int64_t place = unit->ns;
  for (char c : fraction) {
    place /= 10;  // what is finer than a nanosecond is cut off
    const std::int64_t part = place * (c - '0');
    if (ns > kMax - part) return refused(text, "does not fit 292 years");
    ns += part;
  }
  return Duration(ns);
}

std::string format_duration(Duration duration) {
  if (duration == Duration::max()) return "for ever";
  const bool negative = duration < Duration::zero();
  const auto bits = static_cast<std::uint64_t>(duration.count());
  const std::uint64_t ns = negative ? std::uint64_t{0} - bits : bits;
  if (ns == 0) return "0 s";

  std::uint64_t unit = 1;
  std::string_view name = " ns";
  if (ns >= 100'000'000) {
    unit = 1'000'000'000;
    name = " s";
  } else if (ns >= 100'000) {
    unit = 1'000'000;
    name = " ms";
  } else if (ns >= 100) {
    unit = 1'000;
    name = " us";
  }

  // Three significant digits, and never fewer than the whole number has.
  std::uint64_t whole = ns / unit;
  std::uint64_t scale = whole >= 100 ? 1 : whole >= 10 ? 10 : whole >= 1 ? 100 : 1000;
  if (unit == 1) scale = 1;
  std::uint64_t fraction = (ns % unit * scale + unit / 2) / unit;
  if (fraction == scale) {
    ++whole;
    fraction = 0;
  }
  std::string text = negative ? "-" : "";
  text += std::to_string(whole);
  if (fraction != 0) {
    std::string digits = std::to_string(scale + fraction).substr(1);  // keeps the leading zeros
    digits.erase(digits.find_last_not_of('0') + 1);
    text.append(".").append(digits);
  }
  return text.append(name);
}

}  // namespace tidegate
