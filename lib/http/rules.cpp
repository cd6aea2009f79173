// SPDX-License-Identifier: Apache-2.0
#include "http/rules.hpp"

#include <algorithm>
#include <string>

#include "base/text.hpp"

namespace tidegate::internal {

namespace {

// Of the connection, or of what frames the message: they are made, never taken.
constexpr std::string_view kOurs[] = {"Host",
                                      "Content-Length",
                                      "Transfer-Encoding",
                                      "Connection",
                                      "Keep-Alive",
                                      "Proxy-Connection",
                                      "Upgrade",
                                      "TE",
                                      "Trailer",
                                      "Expect",
                                      "Proxy-Authorization"};

constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
    const bool is_letter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
    const bool is_digit = letter >= '0' && letter <= '9';
    return is_letter || is_digit || kMarks.find(letter) != std::string_view::npos;
  });
}

bool is_control(char letter) noexcept {
  const auto byte = static_cast<unsigned char>(letter);
  return (byte < 0x20 && byte != '\t') || byte == 0x7F;
}

bool is_blank(char letter) noexcept { return letter == ' ' || letter == '\t'; }

Status refused(std::string_view name, const char* why) {
  return Status(Cause::kBadArgument, "the field '" + one_line(name, 60) + "' " + why);
}

}  // namespace

Status check_method(std::string_view method) {
  if (!is_token(method)) {
    return Status(Cause::kBadArgument,
                  "the method '" + one_line(method, 30) + "' is not letters and digits alone");
  }
  if (method == "CONNECT")
    return Status(Cause::kBadArgument, "the method CONNECT is not for requests");
  return {};
}

Status check_value(std::string_view name, std::string_view value) {
  if (std::any_of(value.begin(), value.end(), is_control)) {
    return refused(name, "has a line break or another control character in its value");
  }
  if (!value.empty() && (is_blank(value.front()) || is_blank(value.back()))) {
    return refused(name, "has a value that begins or ends with a space");
  }
  return {};
}

Status check_fields(const Headers& headers) {
  std::size_t bytes = 0;
  for (const Headers::Field& field : headers) {
    bytes += field.name.size() + field.value.size();
    if (!is_token(field.name)) return refused(field.name, "has a name that is none");
    for (const std::string_view ours : kOurs) {
      if (same_ignoring_case(field.name, ours)) {
        return refused(field.name, "is not the caller's to set");
      }
    }
    Status value = check_value(field.name, field.value);
    if (!value.ok()) return value;
  }
  if (headers.size() > kMostFields) {
    return Status(Cause::kBadArgument, std::to_string(headers.size()) + " fields, and " +
                                           std::to_string(kMostFields) + " are allowed");
  }
  if (bytes > kMostFieldBytes) {
    return Status(Cause::kBadArgument, std::to_string(bytes) + " bytes of fields, and " +
                                           std::to_string(kMostFieldBytes) + " are allowed");
  }
  return {};
}

}  // namespace tidegate::internal
