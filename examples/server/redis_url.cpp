// SPDX-License-Identifier: Apache-2.0
#include "redis_url.hpp"

#include <algorithm>
#include <charconv>

namespace server {

namespace {

bool is_number(std::string_view text, unsigned least, unsigned most) {
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end && value >= least && value <= most;
}

bool is_host(std::string_view where) {
  if (where.starts_with('[')) {
    const std::size_t end = where.find(']');
    if (end == std::string_view::npos) return false;
    where.remove_prefix(end);
  }
  const std::string_view host = where.substr(0, where.find(':'));
  if (host.empty()) return false;
  return host.size() == where.size() || is_number(where.substr(host.size() + 1), 1, 65535);
}

bool is_path(std::string_view path) {
  return path.empty() || path == "/" || is_number(path.substr(1), 0, 0x7fffffff);
}

}  // namespace

std::optional<std::string> redacted_redis_url(std::string_view url) {
  constexpr std::string_view kRedis = "redis://", kUnix = "unix://";
  const bool is_socket = url.starts_with(kUnix);
  const std::string_view scheme = is_socket ? kUnix : kRedis;
  const bool is_text = std::ranges::all_of(url, [](char c) { return c > ' ' && c < 127; });
  if (!is_text || !url.starts_with(scheme)) return std::nullopt;

  std::string_view rest = url.substr(scheme.size(), url.find('?') - scheme.size());
  const std::string_view authority = rest.substr(0, rest.find('/'));
  const std::size_t at = authority.rfind('@');
  const std::size_t before_host = at == std::string_view::npos ? 0 : at + 1;
  const std::string_view host = authority.substr(before_host);
  const std::string_view path = rest.substr(authority.size());
  const bool good = is_socket ? host.empty() && path.size() > 1 : is_host(host) && is_path(path);
  if (!good) return std::nullopt;
  return std::string(scheme) + (before_host > 0 ? "***@" : "") + std::string(host) +
         std::string(path);
}

}  // namespace server
