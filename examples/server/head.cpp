// SPDX-License-Identifier: Apache-2.0
#include "head.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace server {

namespace {

constexpr std::string_view kLineEnd = "\r\n", kHeadEnd = "\r\n\r\n";

bool is_token(std::string_view text) {
  constexpr std::string_view kAllowed =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return !text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text,
                             [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 127; });
}

bool is_request_line(std::string_view line) {
  const std::size_t first = line.find(' '), last = line.rfind(' ');
  if (first == last) return false;
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  return is_token(line.substr(0, first)) && !target.empty() && target.find(' ') == target.npos &&
         (version == "HTTP/1.1" || version == "HTTP/1.0");
}

// What two readers may understand in two ways is refused, or a proxy before us could be led to see
// one request where we see two.
Progress judge(std::string_view head) {
  if (head.size() > kLargestHead) return Progress::kHeadTooLarge;
  for (bool first = true; head != kLineEnd; first = false) {
    const std::string_view line = head.substr(0, head.find(kLineEnd));
    head.remove_prefix(line.size() + kLineEnd.size());
    if (line.size() >= kLongestLine) return Progress::kHeadTooLarge;
    const bool good = first ? is_request_line(line) : is_token(line.substr(0, line.find(':')));
    if (!good || (!first && line.find(':') == line.npos) || has_control(line)) {
      return Progress::kMalformed;
    }
  }
  return Progress::kWhole;
}

bool take_head(Guest& guest) {
  const std::size_t end = guest.input.find(kHeadEnd);
  if (end == std::string::npos) return false;
  guest.head = guest.input.substr(0, end + kHeadEnd.size());
  guest.input.erase(0, guest.head.size());
  guest.arrived = tidegate::Deadline::now();
  return true;
}

}  // namespace

Progress read_head(Guest& guest) {
  std::array<char, 4096> buffer;
  for (;;) {
    const std::size_t line = guest.input.find(kLineEnd);
    if (std::min(line, guest.input.size()) > kLongestLine) return Progress::kLineTooLong;
    if (take_head(guest)) return judge(guest.head);
    if (guest.input.size() > kLargestHead) return Progress::kHeadTooLarge;
    const ssize_t got = ::recv(guest.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      guest.input.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      return Progress::kGone;
    } else if (errno == EAGAIN) {
      return Progress::kPart;
    }
  }
}

std::string_view target_of(std::string_view head) noexcept {
  const std::size_t start = head.find(' ');
  if (start == std::string_view::npos) return {};
  const std::string_view rest = head.substr(start + 1);
  return rest.substr(0, rest.find_first_of(" \r\n"));
}

}  // namespace server
