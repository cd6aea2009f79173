// SPDX-License-Identifier: Apache-2.0
#include "net/http_head.hpp"

#include <charconv>
#include <string>

#include "base/text.hpp"

namespace tidegate::internal {

namespace {

// A number of bytes and nothing else: no sign, no list, at most 18 digits.
std::optional<std::uint64_t> length_of(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const bool digits = text.find_first_not_of("0123456789") == std::string_view::npos;
  if (text.empty() || text.size() > 18 || !digits) return std::nullopt;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool says_where_it_ends(std::string_view name) noexcept {
  return same_ignoring_case(name, "Content-Length") ||
         same_ignoring_case(name, "Transfer-Encoding");
}

}  // namespace

void HttpHead::begin_again() noexcept {
  status_ = 0;
  complete_ = false;
  headers_ = Headers();
  last_ = Headers::Field();
  length_.reset();
}

Status HttpHead::line(std::string_view line) {
  bytes_ += line.size();
  if (bytes_ > max_bytes_) {
    return Status(Cause::kTooLarge,
                  "the head of the answer is longer than " + std::to_string(max_bytes_) + " bytes");
  }
  if (complete_) return {};
  if (status_ == 0) return status_line(line);
  if (line == "\r\n" || line == "\n") return end();
  return field(line);
}

// libcurl has seen to it that there are a version and three digits.
Status HttpHead::status_line(std::string_view line) {
  const std::size_t space = line.find(' ');
  const char* const digits =
      line.data() + (space == std::string_view::npos ? line.size() : space + 1);
  std::from_chars(digits, line.data() + line.size(), status_);
  if (status_ >= 100 && status_ <= 999) return {};
  return Status(Cause::kProtocol, "a status line that is none: " + one_line(trimmed(line), 60));
}

// libcurl takes for the end what begins with a CR, and for a fold what begins with a blank; but where
// a body ends it reads from lines as they came, with nothing before the colon (RFC 9112, 5.1).
Status HttpHead::field(std::string_view line) {
  const bool goes_on = !line.empty() && (line.front() == ' ' || line.front() == '\t');
  if (goes_on && !last_.name.empty()) {
    if (says_where_it_ends(last_.name)) {
      return Status(Cause::kProtocol, "a " + last_.name + " that goes on in the next line");
    }
    const std::string_view more = trimmed(line);
    if (!more.empty()) last_.value.append(" ").append(more);
    return {};
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() || name != trimmed(name)) {
    return Status(Cause::kProtocol,
                  "a line of the head is no field: " + one_line(trimmed(line), 60));
  }
  if (!last_.name.empty()) headers_.add(std::move(last_.name), std::move(last_.value));
  last_.name = name;
  last_.value = trimmed(line.substr(colon + 1));
  return {};
}

Status HttpHead::end() {
  if (!last_.name.empty()) headers_.add(std::move(last_.name), std::move(last_.value));
  if (status_ == 101)
    return Status(Cause::kProtocol, "it changes the protocol, which nobody asked");
  if (status_ < 200) {
    begin_again();
    if (++interim_ <= kMostInterim) return {};
    return Status(Cause::kProtocol,
                  "more than " + std::to_string(kMostInterim) + " interim answers");
  }
  complete_ = true;
  for (const Headers::Field& each : headers_) {
    if (!same_ignoring_case(each.name, "Content-Length")) continue;
    const std::string_view text = each.value;
    const auto length = length_of(text);
    if (!length) {
      return Status(Cause::kProtocol, "a Content-Length that is none: " + one_line(text, 60));
    }
    if (length_ && *length_ != *length) {
      return Status(Cause::kProtocol, "two lengths of one body: " + std::to_string(*length_) +
                                          " and " + std::to_string(*length));
    }
    length_ = length;
  }
  return check_transfer_coding();
}

// What is not asked for by a TE is chunked alone (RFC 9112, 6.1).
Status HttpHead::check_transfer_coding() const {
  const auto codings = headers_.all("Transfer-Encoding");
  if (codings.empty()) return {};
  if (length_) return Status(Cause::kProtocol, "a body with both a length and a Transfer-Encoding");
  if (codings.size() > 1 || !same_ignoring_case(codings.front(), "chunked")) {
    return Status(Cause::kProtocol,
                  "a Transfer-Encoding that nobody asked for: " + one_line(codings.front(), 60));
  }
  return {};
}

}  // namespace tidegate::internal
