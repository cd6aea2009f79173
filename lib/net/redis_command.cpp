// SPDX-License-Identifier: Apache-2.0

#include "net/redis_command.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <vector>

namespace tidegate::internal {
namespace {

// The decimal digits of a number, without an allocation.
class Digits {
 public:
  explicit Digits(std::int64_t value) noexcept
      : end_(std::to_chars(text_, text_ + sizeof text_, value).ptr) {}
  std::string_view view() const noexcept { return {text_, static_cast<std::size_t>(end_ - text_)}; }

 private:
  char text_[20];  // "-9223372036854775808"
  char* end_;
};

void append_line(std::string& out, char type, std::size_t number) {
  out.push_back(type);
  out.append(Digits(static_cast<std::int64_t>(number)).view());
  out.append("\r\n");
}

}  // namespace

void append_redis_command(std::string& out, std::span<const std::string_view> arguments) {
  append_line(out, '*', arguments.size());
  for (const std::string_view argument : arguments) {
    append_line(out, '$', argument.size());
    out.append(argument);
    out.append("\r\n");
  }
}

void append_redis_command(std::string& out, std::initializer_list<std::string_view> arguments) {
  append_redis_command(out, std::span(arguments.begin(), arguments.size()));
}

void append_auth(std::string& out, std::string_view user, std::string_view password) {
  if (user.empty()) {
    append_redis_command(out, {"AUTH", password});
  } else {
    append_redis_command(out, {"AUTH", user, password});
  }
}

void append_select(std::string& out, std::int32_t database) {
  append_redis_command(out, {"SELECT", Digits(database).view()});
}

void append_client_setname(std::string& out, std::string_view name) {
  std::string allowed(name);
  std::replace_if(allowed.begin(), allowed.end(), [](char c) { return c < '!' || c > '~'; }, '-');
  append_redis_command(out, {"CLIENT", "SETNAME", allowed});
}

void append_ping(std::string& out) { append_redis_command(out, {"PING"}); }

void append_get(std::string& out, std::string_view key) { append_redis_command(out, {"GET", key}); }

void append_pttl(std::string& out, std::string_view key) {
  append_redis_command(out, {"PTTL", key});
}

void append_script(std::string& out, std::string_view command, std::string_view script,
                   std::span<const std::string> keys, std::span<const std::string> arguments) {
  const Digits count(static_cast<std::int64_t>(keys.size()));
  std::vector<std::string_view> all{command, script, count.view()};
  all.insert(all.end(), keys.begin(), keys.end());
  all.insert(all.end(), arguments.begin(), arguments.end());
  append_redis_command(out, all);
}

void append_time(std::string& out) { append_redis_command(out, {"TIME"}); }

std::string redis_milliseconds(Duration life) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(life).count();
  return std::to_string(std::max<std::int64_t>(milliseconds, 1));
}

void append_subscribe(std::string& out, std::string_view channel) {
  append_redis_command(out, {"SUBSCRIBE", channel});
}

void append_unsubscribe(std::string& out, std::string_view channel) {
  append_redis_command(out, {"UNSUBSCRIBE", channel});
}

void append_info(std::string& out, std::string_view section) {
  append_redis_command(out, {"INFO", section});
}

}  // namespace tidegate::internal
