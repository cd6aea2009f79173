// SPDX-License-Identifier: Apache-2.0
#include "net/proxy_url.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "net/curl_url.hpp"

namespace tidegate::internal {

namespace {

using Kind = TransportRoute::Kind;

constexpr std::size_t kLongest = 4096;
constexpr std::size_t kLongestOfSocks = 255;  // RFC 1929: a length is one byte

struct Scheme {
  std::string_view name;
  Kind kind;
  std::string_view port;
};
constexpr Scheme kSchemes[] = {{"http", Kind::kHttp, "80"},
                               {"https", Kind::kHttps, "443"},
                               {"socks5", Kind::kSocks5, "1080"},
                               {"socks5h", Kind::kSocks5, "1080"}};

Status refused(const char* why) {
  return Status(Cause::kBadArgument, std::string("the URL of the proxy ") + why);
}

std::optional<std::string> decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain.push_back(text[i]);
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    unsigned byte = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2) return std::nullopt;
    plain.push_back(static_cast<char>(byte));
    i += 2;
  }
  return plain;
}

bool is_control(char letter) noexcept {
  const auto byte = static_cast<unsigned char>(letter);
  return byte < 0x20 || byte == 0x7F;
}

bool has_control(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), is_control);
}

Status read_user(std::string_view text, TransportRoute& route) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  auto user = decoded(text.substr(0, colon));
  auto password = decoded(text.substr(std::min(colon + 1, text.size())));
  if (!user || !password) return refused("has a % that encodes nothing in its user or password");
  if (has_control(*user) || has_control(*password)) {
    return refused("has a control character in its user or password");
  }
  if (user->find(':') != std::string::npos) return refused("has a user with a colon in it");
  if (user->empty()) return refused("has a password, and no user");
  if (route.kind == Kind::kSocks5 && std::max(user->size(), password->size()) > kLongestOfSocks) {
    return refused("has a user or a password that is longer than 255 bytes");
  }
  route.user = std::move(*user);
  route.password = std::move(*password);
  return {};
}

Status read_host(std::string_view text, std::string_view port, TransportRoute& route) {
  const auto place = HttpUrl::parse("http://" + std::string(text) + "/");
  if (!place.ok()) return refused("has no host, or a port that is none");
  route.host = place->host();
  route.port = place->origin.substr(place->origin.rfind(':') + 1);
  const bool has_port = text.rfind(':') != std::string_view::npos && text.back() != ']';
  if (!has_port) route.port = port;
  route.shown = one_line(route.host + ":" + route.port, 300);
  return {};
}

// What two connections must have in common, as a name that tells nothing of it.
std::string identity_of(const TransportRoute& route, std::uint64_t session) {
  std::string whole = std::to_string(static_cast<int>(route.kind));
  for (const std::string* part : {&route.host, &route.port, &route.user, &route.password}) {
    whole.append(1, '\0').append(*part);
  }
  whole.append(1, '\0').append(std::to_string(session));
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  (void)::SHA256(reinterpret_cast<const unsigned char*>(whole.data()), whole.size(), digest.data());
  constexpr char kHex[] = "0123456789abcdef";
  std::string name;
  for (std::size_t i = 0; i < 16; ++i) {
    name.append(1, kHex[digest[i] >> 4]).append(1, kHex[digest[i] & 15U]);
  }
  return name;
}

}  // namespace

Result<std::shared_ptr<const TransportRoute>> proxy_route(std::string_view url,
                                                          std::uint64_t session) {
  if (url.size() > kLongest) return refused("is longer than 4,096 bytes");
  const std::size_t colon = std::min(url.find("://"), url.size());
  const std::string scheme = lower_case(std::string(url.substr(0, colon)));
  const auto* const known = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                         [&](const Scheme& each) { return each.name == scheme; });
  if (colon == url.size() || known == std::end(kSchemes)) {
    return refused("begins with none of http://, https://, socks5:// and socks5h://");
  }
  auto route = std::make_shared<TransportRoute>();
  route->kind = known->kind;
  std::string_view rest = url.substr(colon + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t at = rest.rfind('@');
  const std::string_view host = at == std::string_view::npos ? rest : rest.substr(at + 1);
  if (rest.find_first_of("/?#") != std::string_view::npos) {
    return refused("has a path, a query or a # (encode those of a password)");
  }
  Status status = at == std::string_view::npos ? Status() : read_user(rest.substr(0, at), *route);
  if (status.ok()) status = read_host(host, known->port, *route);
  if (!status.ok()) return status;
  route->identity = identity_of(*route, session);
  return std::shared_ptr<const TransportRoute>(std::move(route));
}

std::shared_ptr<const TransportRoute> in_session(const TransportRoute& route,
                                                 std::uint64_t session) {
  auto made = std::make_shared<TransportRoute>(route);
  made->identity = identity_of(route, session);
  return made;
}

}  // namespace tidegate::internal
