// SPDX-License-Identifier: Apache-2.0

#include "base/text.hpp"

#include <algorithm>

namespace tidegate::internal {
namespace {

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

unsigned byte_at(std::string_view text, std::size_t i) noexcept {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
}

// Stands in a message as it is.
bool is_plain(char letter) noexcept { return letter >= ' ' && letter < 0x7F && letter != '\\'; }

bool continues(unsigned byte) noexcept { return (byte & 0xC0U) == 0x80U; }

}  // namespace

std::size_t utf8_length(std::string_view text) noexcept {
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const unsigned second = byte_at(text, 1);
  if (!continues(second)) return 0;
  if (first < 0xE0) return 2;
  if (first == 0xE0 && second < 0xA0) return 0;
  if (first == 0xED && second > 0x9F) return 0;
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second > 0x8F) return 0;
  if (!continues(byte_at(text, 2))) return 0;
  if (first < 0xF0) return 3;
  return continues(byte_at(text, 3)) ? 4 : 0;
}

std::string utf8_clean(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    clean.append(length == 0 ? kReplacement : text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

std::string_view utf8_cut(std::string_view text, std::size_t size) noexcept {
  if (text.size() <= size) return text;
  for (int back = 0; back < 3 && size > 0 && continues(byte_at(text, size)); ++back) --size;
  return text.substr(0, size);
}

std::string one_line(std::string_view text, std::size_t size) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string line;
  line.reserve(text.size() < size ? text.size() : size);
  for (;;) {
    const std::string_view room = text.substr(0, size - std::min(size, line.size()));
    const auto* const odd = std::find_if_not(room.begin(), room.end(), is_plain);
    line.append(room.begin(), odd);
    text.remove_prefix(static_cast<std::size_t>(odd - room.begin()));
    if (text.empty()) return line;
    if (line.size() >= size) return line.append("…");
    const std::size_t length = utf8_length(text);
    const unsigned byte = byte_at(text, 0);
    if (length == 0) {
      line.append(kReplacement);
    } else if (byte == '\n') {
      line.append("\\n");
    } else if (byte == '\r') {
      line.append("\\r");
    } else if (byte == '\t') {
      line.append("\\t");
    } else if (byte == '\\') {
      line.append("\\\\");
    } else if (byte < 0x20 || byte == 0x7F) {
      line.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15U]);
    } else {
      line.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

std::string lower_case(std::string text) noexcept {
  for (char& letter : text) letter = lower(letter);
  return text;
}

bool same_ignoring_case(std::string_view one, std::string_view other) noexcept {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](char left, char right) { return lower(left) == lower(right); });
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace tidegate::internal
