// SPDX-License-Identifier: Apache-2.0
#include "http/auth.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace tidegate::internal {

namespace {

bool is_control(char letter) noexcept {
  const auto byte = static_cast<unsigned char>(letter);
  return byte < 0x20 || byte == 0x7F;
}

bool is_visible(char letter) noexcept { return letter > 0x20 && letter < 0x7F; }

Status refused(const char* why) { return Status(Cause::kBadArgument, why); }

std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view three = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= three.size() ? kLetters[bits >> (18 - 6 * i) & 0x3F] : '=';
    }
  }
  return text;
}

}  // namespace

Result<std::string> authorization(const HttpAuth& auth) {
  if (auth.kind == HttpAuth::Kind::kBearer) {
    if (auth.secret.empty()) return refused("the bearer token is empty");
    if (!std::all_of(auth.secret.begin(), auth.secret.end(), is_visible)) {
      return refused("the bearer token has a space, a control character or a byte beyond ASCII");
    }
    return "Bearer " + auth.secret;
  }
  if (auth.user.find(':') != std::string::npos) {
    return refused("the user of basic_auth has a colon, which would end it");
  }
  if (std::any_of(auth.user.begin(), auth.user.end(), is_control) ||
      std::any_of(auth.secret.begin(), auth.secret.end(), is_control)) {
    return refused("the user or the password of basic_auth has a control character");
  }
  return "Basic " + base64(auth.user + ":" + auth.secret);
}

}  // namespace tidegate::internal
