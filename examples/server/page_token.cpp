// SPDX-License-Identifier: Apache-2.0
#include "page_token.hpp"

#include "digest.hpp"

namespace server {

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kPlaceSize = 10, kSize = 18, kTextSize = 24;
static_assert(kSize * 8 == kTextSize * 6, "every bit of the text counts");

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void append(std::string& bytes, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
}

std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t number = 0;
  for (const char c : bytes.substr(at, 8)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string with_check(std::string place, std::string_view query) {
  const std::uint64_t check = digest(place + std::string(query));
  append(place, check);
  return place;
}

std::string encoded(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i + 2 < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (const char c : bytes.substr(i, 3)) three = three << 8 | static_cast<unsigned char>(c);
    for (int shift = 18; shift >= 0; shift -= 6) text.push_back(kDigits[three >> shift & 63]);
  }
  return text;
}

// Nothing where a character is none of the digits.
std::optional<std::string> decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 3 < text.size(); i += 4) {
    std::uint32_t three = 0;
    for (const char c : text.substr(i, 4)) {
      const std::size_t digit = kDigits.find(c);
      if (digit == std::string_view::npos) return std::nullopt;
      three = three << 6 | static_cast<std::uint32_t>(digit);
    }
    for (int shift = 16; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(three >> shift));
  }
  return bytes;
}

}  // namespace

std::string page_token(const AlertsPlace& place, std::string_view query) {
  std::string bytes = {kVersion, static_cast<char>(place.below_percent)};
  append(bytes, static_cast<std::uint64_t>(place.id));
  return encoded(with_check(std::move(bytes), query));
}

std::optional<AlertsPlace> read_page_token(std::string_view token, std::string_view query) {
  if (token.size() != kTextSize) return std::nullopt;
  const auto bytes = decoded(token);
  if (!bytes || bytes->front() != kVersion) return std::nullopt;
  if (*bytes != with_check(bytes->substr(0, kPlaceSize), query)) return std::nullopt;
  return AlertsPlace{.below_percent = static_cast<unsigned char>((*bytes)[1]),
                     .id = static_cast<std::int64_t>(number_at(*bytes, 2))};
}

}  // namespace server
