// SPDX-License-Identifier: Apache-2.0
#include "net/address_reach.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace tidegate::internal {

namespace {

using Bytes16 = std::array<std::uint8_t, 16>;

struct Range4 {
  std::uint32_t first;
  int bits;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr Range4 kNotPublic[] = {
    {v4(0, 0, 0, 0), 8},        // this network
    {v4(10, 0, 0, 0), 8},       // private
    {v4(100, 64, 0, 0), 10},    // shared by the customers of a carrier
    {v4(127, 0, 0, 0), 8},      // this host
    {v4(169, 254, 0, 0), 16},   // link-local
    {v4(172, 16, 0, 0), 12},    // private
    {v4(192, 0, 0, 0), 24},     // protocols
    {v4(192, 0, 2, 0), 24},     // documentation
    {v4(192, 88, 99, 0), 24},   // 6to4 relays, given up
    {v4(192, 168, 0, 0), 16},   // private
    {v4(198, 18, 0, 0), 15},    // benchmarks
    {v4(198, 51, 100, 0), 24},  // documentation
    {v4(203, 0, 113, 0), 24},   // documentation
    {v4(224, 0, 0, 0), 3},      // multicast, reserved, broadcast
};

bool is_public(std::uint32_t address) noexcept {
  return std::none_of(std::begin(kNotPublic), std::end(kNotPublic), [&](const Range4& range) {
    return (address ^ range.first) >> (32 - range.bits) == 0;
  });
}

bool starts_with(const Bytes16& address, std::initializer_list<std::uint8_t> prefix) noexcept {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

std::uint32_t v4_at(const Bytes16& address, std::size_t at) noexcept {
  return v4(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

bool is_public(const Bytes16& address) noexcept {
  constexpr std::size_t kLast4 = 12;
  if (starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}) ||
      starts_with(address, {0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) {
    return is_public(v4_at(address, kLast4));
  }
  if (starts_with(address, {0x20, 0x02})) return is_public(v4_at(address, 2));
  if ((address[0] & 0xE0) != 0x20) return false;  // only 2000::/3 is handed out
  if (starts_with(address, {0x20, 0x01}) && address[2] < 2) return false;  // protocols, Teredo
  if (starts_with(address, {0x20, 0x01, 0x0D, 0xB8})) return false;        // documentation
  return !starts_with(address, {0x3F, 0xFF}) || address[2] >= 0x10;        // documentation
}

// Decimal, octal or hexadecimal in its last label: no name ends so.
bool ends_with_number(std::string_view host) noexcept {
  std::string_view last = host.substr(host.rfind('.') + 1);
  const bool is_hex = last.starts_with("0x");
  if (is_hex) last.remove_prefix(2);
  const char* const digits = is_hex ? "0123456789abcdef" : "0123456789";
  return (is_hex || !last.empty()) && last.find_first_not_of(digits) == std::string_view::npos;
}

}  // namespace

bool is_public_address(const sockaddr& address) noexcept {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    return is_public(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return false;
  sockaddr_in6 in6{};
  std::memcpy(&in6, &address, sizeof in6);
  Bytes16 bytes{};
  std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
  return is_public(bytes);
}

bool is_public_address(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> written{};
  text = text.substr(0, text.find('%'));  // the zone
  if (text.size() >= written.size()) return false;
  std::copy(text.begin(), text.end(), written.begin());
  in_addr four{};
  if (::inet_pton(AF_INET, written.data(), &four) == 1) return is_public(ntohl(four.s_addr));
  Bytes16 six{};
  return ::inet_pton(AF_INET6, written.data(), six.data()) == 1 && is_public(six);
}

bool may_be_public(std::string_view host) noexcept {
  host = host.substr(0, host.find_last_not_of('.') + 1);
  if (host.empty() || host == "localhost" || host.ends_with(".localhost")) return false;
  if (host.starts_with('[')) return is_public_address(host.substr(1, host.find(']') - 1));
  return !ends_with_number(host) || is_public_address(host);
}

}  // namespace tidegate::internal
