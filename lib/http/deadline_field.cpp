// SPDX-License-Identifier: Apache-2.0
#include "http/deadline_field.hpp"

#include <algorithm>
#include <string_view>

#include "base/text.hpp"
#include "http/rules.hpp"

namespace tidegate {

namespace internal {

namespace {

constexpr std::string_view kDigits = "0123456789";

bool is_in_ms(std::string_view name) noexcept {
  constexpr std::string_view kEnd = "-ms";
  return name.size() > kEnd.size() && same_ignoring_case(name.substr(name.size() - 3), kEnd);
}

// Without the scheme and the port.
std::string_view host_of(std::string_view origin) noexcept {
  origin.remove_prefix(origin.find("://") + 3);
  return origin.substr(0, origin.rfind(':'));
}

}  // namespace

std::string deadline_value(std::string_view name, Duration left) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(left).count();
  const std::string number = std::to_string(std::max<std::int64_t>(1, ms));
  return is_in_ms(name) ? number : number + "ms";
}

void tell_deadline(const HttpPlan& plan, TransportRequest& wire, Duration left) {
  if (!plan.tells) return;
  const auto& [name, hosts] = *plan.tells;
  const std::string_view host = host_of(plan.place.origin);
  const bool is_listed = std::any_of(hosts.begin(), hosts.end(), [&](const std::string& each) {
    return same_ignoring_case(each, host);
  });
  if (is_listed) {
    wire.headers.set(name, deadline_value(name, left));
  } else {
    wire.headers.remove(name);
  }
}

Status check_deadline_header(const std::string& name) {
  return name.empty() ? Status() : check_fields(Headers().add(name, "1ms"));
}

}  // namespace internal

Duration header_timeout(std::string_view name, std::string_view value, Duration most) {
  most = std::clamp<Duration>(most, Duration::zero(), std::chrono::hours(24));
  std::string text(internal::trimmed(value));
  const bool has_unit = text.find_first_not_of("0123456789.") != std::string::npos;
  if (internal::is_in_ms(name)) {
    if (text.find_first_not_of(internal::kDigits) != std::string::npos) return most;
    text += "ms";
  } else if (!has_unit) {
    text += "s";
  }
  const auto read = parse_duration(text);
  return read.ok() ? std::clamp(*read, Duration::zero(), most) : most;
}

Duration header_timeout(const Headers& headers, std::string_view name, Duration most) {
  return header_timeout(name, headers.find(name).value_or(""), most);
}

}  // namespace tidegate
