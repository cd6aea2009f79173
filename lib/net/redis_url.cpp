// SPDX-License-Identifier: Apache-2.0

#include "net/redis_url.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>

#include "base/text.hpp"

namespace tidegate::internal {
namespace {

constexpr std::size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxHost = 253;

Status refused(std::string_view why) {
  return Status(Cause::kConfig, std::string("a Redis URL: ").append(why));
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

// Digits only: from_chars alone would take a sign.
std::optional<std::int64_t> number(std::string_view text, std::int64_t most) {
  std::int64_t value = 0;
  if (text.empty() || text.front() == '-') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

// Empty where the scheme is one of ours.
std::string_view why_not(std::string_view scheme) {
  const auto has = [scheme](std::string_view part) { return scheme.find(part) != scheme.npos; };
  if (scheme == "redis" || scheme == "unix") return {};
  if (has("sentinel")) return "Sentinel is not supported yet: name the server itself, redis://host";
  if (has("cluster")) return "Cluster is not supported yet: name one plain server, redis://host";
  if (scheme == "rediss" || scheme == "valkeys") {
    return "TLS is not supported yet: write redis:// and let a TLS tunnel listen there, or use a "
           "unix socket";
  }
  if (scheme == "valkey") return "a Valkey server is written redis:// here";
  if (has("unix") || has("socket")) return "a socket is written unix:///path/of/the/socket";
  return "it starts with redis:// or unix://";
}

class Parser {
 public:
  Result<RedisUrl> parse(std::string_view text) {
    const std::size_t colon = text.find("://");
    if (colon == text.npos) return refused("it starts with redis:// or unix://");
    std::string scheme(text.substr(0, colon));
    std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (const std::string_view why = why_not(scheme); !why.empty()) return refused(why);
    const bool is_unix = scheme == "unix";
    text.remove_prefix(colon + 3);

    const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
    std::string_view authority = text.substr(0, end);
    std::string_view rest = text.substr(end);
    const std::size_t at = authority.rfind('@');
    // Then the authority, and all that follows, may be parts of a password.
    if (rest.find('@') != rest.npos && !(is_unix && authority.empty())) {
      return refused("'/', '?' and '#' in a user or password are written %2F, %3F and %23");
    }
    if (rest.find('#') != rest.npos) return refused("it has no part after '#', written %23");

    Status status;
    if (at != authority.npos) {
      status = read_credentials(authority.substr(0, at));
      authority.remove_prefix(at + 1);
    }
    const std::size_t mark = std::min(rest.find('?'), rest.size());
    const std::string_view path = rest.substr(0, mark);
    if (status.ok()) status = is_unix ? read_socket(authority, path) : read_host(authority);
    if (status.ok() && !is_unix && path.size() > 1) status = read_database(path.substr(1));
    if (status.ok() && mark < rest.size()) status = read_query(rest.substr(mark + 1));
    if (!status.ok()) return status;
    return std::move(url_);
  }

 private:
  Status read_credentials(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == text.npos) {
      return refused("before the '@' stands user:password, or :password for the default user");
    }
    auto user = percent_decoded(text.substr(0, colon));
    auto password = percent_decoded(text.substr(colon + 1));
    if (!user || !password) {
      return refused("a '%' in a user or password is followed by two hex digits, or written %25");
    }
    if (user->empty() && password->empty()) return refused("the password before the '@' is empty");
    url_.user = std::move(*user);
    url_.password = std::move(*password);
    url_.authenticates = true;
    return {};
  }

  Status read_host(std::string_view text) {
    if (text.find(',') != text.npos) {
      return refused("several hosts mean Cluster or Sentinel, which are not supported yet");
    }
    std::string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
      const std::size_t bracket = text.find(']');
      if (bracket == text.npos) return refused("the ']' after an IPv6 address is missing");
      url_.host = text.substr(1, bracket - 1);
      in6_addr address;
      if (inet_pton(AF_INET6, url_.host.c_str(), &address) != 1 ||
          url_.host.find('\0') != text.npos) {
        return refused("between '[' and ']' stands an IPv6 address");
      }
      text.remove_prefix(bracket + 1);
      has_port = text.starts_with(':');
      if (!text.empty() && !has_port) return refused("after ']' comes a port or nothing");
      port = has_port ? text.substr(1) : text;
    } else {
      const std::size_t colon = text.find(':');
      has_port = colon != text.npos;
      url_.host = text.substr(0, colon);
      if (has_port) port = text.substr(colon + 1);
      if (port.find(':') != port.npos) return refused("an IPv6 address is written in brackets");
      if (url_.host.empty()) return refused("the host is missing, as in redis://localhost:6379/0");
      const bool plain = std::all_of(url_.host.begin(), url_.host.end(), [](char c) {
        return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
      });
      if (!plain || url_.host.size() > kMaxHost) {
        return refused("a host has letters, digits, '-', '.' and '_', and at most 253 of them");
      }
    }
    if (!has_port) return {};
    const auto value = number(port, std::numeric_limits<std::uint16_t>::max());
    if (!value || *value == 0) return refused("a port is a number from 1 to 65535");
    url_.port = static_cast<std::uint16_t>(*value);
    return {};
  }

  Status read_socket(std::string_view authority, std::string_view text) {
    if (!authority.empty()) return refused("a socket has no host: three slashes, unix:///path");
    auto path = percent_decoded(text);
    if (!path) return refused("a '%' in a path is followed by two hex digits, or written %25");
    if (path->size() < 2) return refused("the path of the socket is missing, unix:///path");
    if (path->find('\0') != path->npos) return refused("a path holds no NUL");
    if (path->size() > kMaxPath) {
      return refused("the path of a socket has at most " + std::to_string(kMaxPath) +
                     " bytes, this one has " + std::to_string(path->size()));
    }
    url_.path = std::move(*path);
    return {};
  }

  Status read_database(std::string_view text) {
    const auto value = number(text, std::numeric_limits<std::int32_t>::max());
    if (!value) return refused("a database is a number from 0 to 2147483647");
    if (has_database_) return refused("the database is given twice");
    has_database_ = true;
    url_.database = static_cast<std::int32_t>(*value);
    return {};
  }

  Status read_query(std::string_view text) {
    while (!text.empty()) {
      const std::string_view one = text.substr(0, text.find('&'));
      text.remove_prefix(std::min(one.size() + 1, text.size()));
      const std::string_view key = one.substr(0, one.find('='));
      if (key != "db") {
        if (key == "password" || key == "username") {
          return refused("user and password stand before the host, redis://user:password@host");
        }
        return refused("the parameter '" + one_line(key, 32) + "' is unknown, there is only 'db'");
      }
      if (Status status = read_database(one.substr(std::min(key.size() + 1, one.size())));
          !status.ok()) {
        return status;
      }
    }
    return {};
  }

  RedisUrl url_;
  bool has_database_ = false;
};

}  // namespace

Result<RedisUrl> RedisUrl::parse(std::string_view text) { return Parser().parse(text); }

std::string RedisUrl::to_string() const {
  std::string text(path.empty() ? "redis://" : "unix://");
  if (authenticates) text.append("***@");
  if (!path.empty()) {
    text.append(one_line(path, kMaxPath)).append("?db=");
  } else if (host.find(':') != host.npos) {
    text.append("[").append(host).append("]:").append(std::to_string(port)).append("/");
  } else {
    text.append(host).append(":").append(std::to_string(port)).append("/");
  }
  return text.append(std::to_string(database));
}

}  // namespace tidegate::internal
