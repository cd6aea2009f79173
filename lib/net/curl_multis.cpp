// SPDX-License-Identifier: Apache-2.0
#include "net/curl_multis.hpp"

#include <algorithm>
#include <utility>

namespace tidegate::internal {

namespace {

// Empty: what libcurl looks at is enough.
std::string identity_of(const TransportRequest& request) {
  std::string identity;
  if (request.trust) identity = request.trust->identity;
  const bool has_tls_proxy = request.route && request.route->kind == TransportRoute::Kind::kHttps;
  if (has_tls_proxy) identity.append(1, '\0').append(request.route->identity);
  return identity;
}

}  // namespace

CurlMulti& CurlMultis::of(const TransportRequest& request) {
  const std::string identity = identity_of(request);
  if (identity.empty()) return shared_;
  const auto known = std::find_if(own_.begin(), own_.end(),
                                  [&](const Own& own) { return own.identity == identity; });
  if (known != own_.end()) {
    std::rotate(known, known + 1, own_.end());
  } else {
    make_room();
    own_.push_back({identity, std::make_unique<CurlMulti>(shared_)});
  }
  return *own_.back().multi;
}

// More than that are there after more were in use at once.
void CurlMultis::make_room() {
  while (own_.size() >= kMost) {
    const auto unused = std::find_if(own_.begin(), own_.end(),
                                     [](const Own& own) { return own.multi->transfers() == 0; });
    if (unused == own_.end()) return;
    own_.erase(unused);
  }
}

void CurlMultis::keep(std::size_t connections, std::size_t idle) noexcept {
  shared_.keep(connections, idle);
  for (const Own& own : own_) own.multi->keep(connections, idle);
}

std::size_t CurlMultis::transfers() const noexcept {
  std::size_t count = shared_.transfers();
  for (const Own& own : own_) count += own.multi->transfers();
  return count;
}

std::size_t CurlMultis::connections() const noexcept {
  std::size_t count = shared_.connections();
  for (const Own& own : own_) count += own.multi->connections();
  return count;
}

}  // namespace tidegate::internal
