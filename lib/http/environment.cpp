// SPDX-License-Identifier: Apache-2.0
#include "http/environment.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "net/proxy_url.hpp"

namespace tidegate::internal {

namespace {

using Route = std::shared_ptr<const TransportRoute>;

// The first of the variables that is there and not empty.
const char* first_of(const HttpEnvironment::LookUp& look_up,
                     std::initializer_list<const char*> names, const char** found) {
  for (const char* const name : names) {
    const char* const value = look_up(name);
    *found = name;
    if (value && *value) return value;
  }
  return nullptr;
}

Result<Route> route_of(const HttpEnvironment::LookUp& look_up,
                       std::initializer_list<const char*> names) {
  const char* name = nullptr;
  const char* const value = first_of(look_up, names, &name);
  if (!value) return Route();
  const bool has_scheme = std::string_view(value).find("://") != std::string_view::npos;
  auto route = proxy_route(has_scheme ? value : std::string("http://") + value);
  if (route.ok()) return route;
  return Status(Cause::kConfig,
                "the variable " + std::string(name) + ": " + std::string(route.status().message()));
}

struct Address {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  int size = 0;
};

std::optional<Address> address_of(std::string text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  Address address;
  const bool is_four = ::inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1;
  if (!is_four && ::inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1) return {};
  address.size = is_four ? sizeof(in_addr) : sizeof(in6_addr);
  return address;
}

bool is_within(const Address& address, const Address& range, int bits) noexcept {
  if (address.size != range.size || bits > 8 * range.size) return false;
  for (int bit = 0; bit < bits; ++bit) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if (((address.bytes[at] ^ range.bytes[at]) & mask) != 0) return false;
  }
  return true;
}

bool is_below(std::string_view host, std::string_view name) noexcept {
  if (host == name) return true;
  return host.size() > name.size() && host.ends_with(name) &&
         host[host.size() - name.size() - 1] == '.';
}

}  // namespace

Result<std::shared_ptr<const HttpEnvironment>> HttpEnvironment::read(const LookUp& look_up) {
  auto made = std::make_shared<HttpEnvironment>();
  auto http = route_of(look_up, {"http_proxy", "all_proxy", "ALL_PROXY"});
  if (!http.ok()) return http.status();
  auto https = route_of(look_up, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  if (!https.ok()) return https.status();
  made->http_ = std::move(*http);
  made->https_ = std::move(*https);
  const char* name = nullptr;
  const char* const value = first_of(look_up, {"no_proxy", "NO_PROXY"}, &name);
  std::string_view rest = value ? value : "";
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string text = lower_case(std::string(trimmed(rest.substr(0, comma))));
    if (!text.empty()) made->exceptions_.push_back(exception_of(std::move(text)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return std::shared_ptr<const HttpEnvironment>(std::move(made));
}

HttpEnvironment::Exception HttpEnvironment::exception_of(std::string text) {
  Exception exception;
  if (const std::size_t slash = text.find('/'); slash != std::string::npos) {
    const std::string bits = text.substr(slash + 1);
    std::from_chars(bits.data(), bits.data() + bits.size(), exception.bits);
    text.resize(slash);
  }
  const std::size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string::npos && (text.find(':') == colon || text[colon - 1] == ']');
  if (has_port) {
    exception.port = text.substr(colon + 1);
    text.resize(colon);
  }
  exception.host = text.starts_with('.') ? text.substr(1) : text;
  return exception;
}

std::shared_ptr<const TransportRoute> HttpEnvironment::route_to(const HttpUrl& place) const {
  const Route& route = place.is_secure() ? https_ : http_;
  return route && is_excepted(place) ? Route() : route;
}

bool HttpEnvironment::is_excepted(const HttpUrl& place) const {
  const std::string host = place.host();
  const std::string port = place.origin.substr(place.origin.rfind(':') + 1);
  const auto address = address_of(host);
  return std::any_of(exceptions_.begin(), exceptions_.end(), [&](const Exception& each) {
    if (each.host == "*") return true;
    if (!each.port.empty() && each.port != port) return false;
    const auto range = address_of(each.host);
    if (!range) return !address && is_below(host, each.host);
    const int bits = each.bits < 0 ? 8 * range->size : each.bits;
    return address && is_within(*address, *range, bits);
  });
}

}  // namespace tidegate::internal
