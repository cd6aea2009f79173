// SPDX-License-Identifier: Apache-2.0
//
// CookieJar: what the servers of one client asked it to send back (RFC 6265bis), for the host alone
// that asked: a Domain widens nothing, so no list of public suffixes is needed.
//
//   Path, Secure, Max-Age before Expires, __Host- and __Secure-   as in the RFC
//   Domain, HttpOnly, SameSite                                    mean nothing here
//
// Bounded: 4 KiB for a cookie, 50 for a host, 3,000 in all, of which the one that was unused for
// longest goes; and 16 KiB for what is sent at once. The time is an argument. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/curl_url.hpp"
#include "tidegate/headers.hpp"

namespace tidegate::internal {

inline constexpr std::size_t kMostCookieBytes = 4096;
inline constexpr std::size_t kMostCookiesOfHost = 50;
inline constexpr std::size_t kMostCookies = 3000;
inline constexpr std::size_t kMostCookieField = std::size_t{16} << 10;

class CookieJar {
 public:
  using WallTime = std::chrono::sys_seconds;

  // All that stands in the fields Set-Cookie of an answer. What breaks a rule is no cookie.
  void store(const HttpUrl& from, const Headers& headers, WallTime now);

  // The value of the field Cookie, longer paths first; empty where there is none.
  std::string field(const HttpUrl& to, WallTime now);

  void clear();
  std::size_t size() const;

 private:
  struct Cookie {
    std::string name, value, path;
    bool secure = false;
    WallTime ends = WallTime::max();
    std::uint64_t made = 0, used = 0;  // in the order of their coming
  };
  struct Asked;
  using Cookies = std::vector<Cookie>;

  void store_one(const HttpUrl& from, std::string_view text, WallTime now);
  void drop_one_of(Cookies& cookies);
  void drop_one_of_all();
  void drop_ended(WallTime now);

  mutable std::mutex mutex_;
  std::map<std::string, Cookies, std::less<>> hosts_;  // guarded by mutex_, like all below
  std::size_t count_ = 0;
  std::uint64_t clock_ = 0;
};

}  // namespace tidegate::internal
