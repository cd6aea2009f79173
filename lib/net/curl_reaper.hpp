// SPDX-License-Identifier: Apache-2.0
//
// CurlReaper: closes the connections that nobody uses. libcurl looks for those that are dead or too
// old only when a transfer begins, so one is made that never gets a socket.
//
// What is idle stays for `max_idle`, as after a burst; then the `idle` youngest of each address. One
// that has reached its life is closed when it is next idle: a life is drawn between 0.9 and 1.1 of
// `life`, so that what was opened together does not end together, and a server that was added behind
// a balancer gets its share. It sleeps until the first of these times, and without connections for
// ever.
//
// On the shard's thread. Cost: when it wakes up, one look at each socket.
#pragma once

#include <vector>

#include "net/curl_multi.hpp"

namespace tidegate::internal {

class CurlReaper final : private Timer, private CurlEnd {
 public:
  explicit CurlReaper(CurlMulti& multi) noexcept : CurlEnd(multi) {}
  CurlReaper(const CurlReaper&) = delete;
  CurlReaper& operator=(const CurlReaper&) = delete;
  ~CurlReaper() override { shard().disarm(*this); }

  // A connection is spoilt: libcurl closes those, but looks at most once a second.
  void soon() noexcept;
  // A connection may have become idle.
  void later() noexcept;

 private:
  void by(TimePoint when) noexcept;
  void fired() noexcept override;
  bool retire() noexcept;
  void have_libcurl_look() noexcept;
  void ended(CURLcode) noexcept override {}
  void hindered(int) noexcept override {}
  bool may_connect(const sockaddr&) noexcept override { return false; }
  Shard& shard() const noexcept { return multi().shard(); }

  TimePoint when_{};
  TimePoint next_{};  // when one of those that are idle now has stayed for long enough
  std::vector<CurlSocket*> idle_;
};

}  // namespace tidegate::internal
