// SPDX-License-Identifier: Apache-2.0
#include "net/curl_reaper.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <tuple>

#include "net/curl_options.hpp"

namespace tidegate::internal {

namespace {

constexpr Duration kPause = std::chrono::milliseconds(1050);

curl_socket_t no_socket(void*, curlsocktype, curl_sockaddr*) noexcept { return CURL_SOCKET_BAD; }

}  // namespace

void CurlReaper::soon() noexcept { by(shard().now() + kPause); }

void CurlReaper::later() noexcept { by(shard().now() + multi().kept().max_idle + kPause); }

void CurlReaper::by(TimePoint when) noexcept {
  if (armed() && when_ <= when) return;
  when_ = when;
  shard().arm(*this, when);
}

void CurlReaper::fired() noexcept {
  const bool has_retired = retire();
  have_libcurl_look();
  if (has_retired) return soon();
  if (next_ != TimePoint::max()) by(next_);
}

// True where one was: libcurl has still to be told.
bool CurlReaper::retire() noexcept try {
  const CurlKept& kept = multi().kept();
  const TimePoint now = shard().now();
  next_ = TimePoint::max();
  multi().list_idle(idle_);
  std::sort(idle_.begin(), idle_.end(), [](const CurlSocket* one, const CurlSocket* other) {
    return std::tuple(one->peer(), other->idle_since()) <
           std::tuple(other->peer(), one->idle_since());
  });
  bool has_retired = false;
  std::size_t younger = 0;
  for (std::size_t i = 0; i < idle_.size(); ++i) {
    CurlSocket& socket = *idle_[i];
    younger = i > 0 && idle_[i - 1]->peer() == socket.peer() ? younger + 1 : 0;
    TimePoint until = socket.life_ends();
    if (younger >= kept.idle) until = std::min(until, socket.idle_since() + kept.max_idle);
    if (until > now) {
      next_ = std::min(next_, until);
      continue;
    }
    socket.retire();
    has_retired = true;
  }
  return has_retired;
} catch (const std::bad_alloc&) {
  next_ = shard().now() + kPause;
  return false;
}

void CurlReaper::have_libcurl_look() noexcept {
  CURL* const easy = multi().take();
  if (!easy) return soon();
  CurlOptions options(easy);
  options.set_always();
  options.set_kept(multi().kept());
  options.set(CURLOPT_URL, "http://127.0.0.1:9/");
  options.set(CURLOPT_OPENSOCKETFUNCTION, &no_socket);
  if (!multi().begin(easy, *this).ok()) soon();
  multi().stop(*this);
  multi().give_back(easy);
}

}  // namespace tidegate::internal
