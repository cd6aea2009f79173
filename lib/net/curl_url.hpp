// SPDX-License-Identifier: Apache-2.0
//
// HttpUrl: a URL as it is sent, read strictly. Two programs that read one URL differently are how a
// request reaches a host that nobody meant; so what could be read in two ways is refused, and
// nothing is guessed. It is libcurl's own parser that splits it, the one that will connect, but for
// URLs that can be read in one way only.
#pragma once

#include <string>
#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate::internal {

struct HttpUrl {
  // At most 64 KiB. kBadArgument where it is not absolute, not http or https, has no host, a user or
  // a password, a space, a control character or a backslash, or a host that is not ASCII (what it
  // would become depends on the locale). Behind the host, bytes outside of ASCII are encoded.
  static Result<HttpUrl> parse(std::string_view text);

  // The same, by libcurl's parser also where the URL is plain (net/plain_url.hpp).
  static Result<HttpUrl> parse_any(std::string_view text);

  // Where a server sends who asked for `base`: `location` may be relative and have bytes that a URL
  // must not have, which are encoded; a user and a password in it are dropped. kBadArgument as above.
  static Result<HttpUrl> resolve(const HttpUrl& base, std::string_view location);

  std::string host() const;  // in lower case, without the port
  std::string path() const;  // without the query; "/" at least
  bool is_secure() const noexcept { return url.starts_with("https:"); }

  std::string url;       // without what follows a '#'
  std::string fragment;  // that, which is never sent
  std::string origin;    // "https://host:443"
  std::string shown;     // for messages: without the query, and of bounded length
};

}  // namespace tidegate::internal
