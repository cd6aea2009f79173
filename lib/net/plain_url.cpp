// SPDX-License-Identifier: Apache-2.0
#include "net/plain_url.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tidegate::internal {

namespace {

enum Kind : std::uint8_t { kHost = 1, kPath = 2, kQuery = 4 };

constexpr std::array<std::uint8_t, 256> kKinds = [] {
  std::array<std::uint8_t, 256> kinds{};
  const auto add = [&](std::string_view letters, std::uint8_t kind) {
    for (const char letter : letters) kinds[static_cast<unsigned char>(letter)] = kind;
  };
  add("abcdefghijklmnopqrstuvwxyz0123456789-.", kHost | kPath | kQuery);
  add("ABCDEFGHIJKLMNOPQRSTUVWXYZ_~/,=:+", kPath | kQuery);
  add("%&?", kQuery);
  return kinds;
}();

bool are_all(std::string_view text, Kind kind) noexcept {
  return std::all_of(text.begin(), text.end(), [kind](char letter) {
    return (kKinds[static_cast<unsigned char>(letter)] & kind) != 0;
  });
}

bool is_digit(char letter) noexcept { return letter >= '0' && letter <= '9'; }

bool is_octet(std::string_view text) noexcept {
  if (text.empty() || text.size() > 3 || !std::all_of(text.begin(), text.end(), is_digit)) {
    return false;
  }
  return text.size() == 1 || (text[0] != '0' && (text.size() < 3 || text <= "255"));
}

// Labels of a name, the last of which begins with no digit, or four octets: "0x7f.1" and "2130706433"
// are addresses too, and libcurl knows which.
bool is_plain_host(std::string_view host) noexcept {
  if (host.size() > 253 || !are_all(host, kHost)) return false;
  std::size_t octets = 0;
  for (std::size_t labels = 1;; ++labels) {
    const std::size_t dot = std::min(host.find('.'), host.size());
    const std::string_view label = host.substr(0, dot);
    if (label.empty() || label.size() > 63) return false;
    octets += is_octet(label) ? 1 : 0;
    if (dot == host.size()) return !is_digit(label[0]) || (labels == 4 && octets == 4);
    host.remove_prefix(dot + 1);
  }
}

bool is_plain_port(std::string_view port) noexcept {
  if (port.empty() || port[0] == '0' || !std::all_of(port.begin(), port.end(), is_digit))
    return false;
  return port.size() < 5 || (port.size() == 5 && port <= "65535");
}

}  // namespace

std::optional<PlainUrl> PlainUrl::split(std::string_view text) noexcept {
  PlainUrl url{};
  url.scheme = text.substr(0, std::min(text.find(':'), text.size()));
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  if (!text.substr(url.scheme.size()).starts_with("://")) return std::nullopt;
  const std::size_t begin = url.scheme.size() + 3;
  const std::size_t slash = text.find('/', begin);
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view authority = text.substr(begin, slash - begin);
  url.host = authority.substr(0, std::min(authority.find(':'), authority.size()));
  if (!is_plain_host(url.host)) return std::nullopt;
  if (url.host.size() < authority.size()) {
    url.port = authority.substr(url.host.size() + 1);
    if (!is_plain_port(url.port)) return std::nullopt;
  }
  url.query = std::min(text.find('?', slash), text.size());
  const std::string_view path = text.substr(slash, url.query - slash);
  if (!are_all(path, kPath) || path.find("/.") != std::string_view::npos) return std::nullopt;
  const std::string_view query = text.substr(url.query);
  if (query == "?" || !are_all(query, kQuery)) return std::nullopt;
  return url;
}

}  // namespace tidegate::internal
