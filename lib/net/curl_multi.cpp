// SPDX-License-Identifier: Apache-2.0
#include "net/curl_multi.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "base/fork.hpp"
#include "net/curl_drain.hpp"
#include "net/curl_reaper.hpp"

namespace tidegate::internal {

namespace {

void set(int socket, int level, int option, int value) noexcept {
  (void)::setsockopt(socket, level, option, &value, sizeof value);
}

// A peer that is gone without a word is noticed while a transfer waits for it.
void tune(int socket) noexcept {
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

int port_of(const sockaddr_storage& address) noexcept {
  if (address.ss_family == AF_UNIX) return 0;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  std::memcpy(&v4, &address, sizeof v4);
  std::memcpy(&v6, &address, sizeof v6);
  return ntohs(address.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

CurlPorts ports_of(int socket) noexcept {
  sockaddr_storage local{};
  sockaddr_storage remote{};
  socklen_t size = sizeof local;
  (void)::getsockname(socket, reinterpret_cast<sockaddr*>(&local), &size);
  size = sizeof remote;
  (void)::getpeername(socket, reinterpret_cast<sockaddr*>(&remote), &size);
  return {.local = port_of(local), .remote = port_of(remote)};
}

std::uint32_t events_of(int what) noexcept {
  if (what == CURL_POLL_IN) return EPOLLIN;
  if (what == CURL_POLL_OUT) return EPOLLOUT;
  return what == CURL_POLL_INOUT ? EPOLLIN | EPOLLOUT : 0U;
}

}  // namespace

// OpenSSL would take itself apart when the process ends, under the hands of a shard that still runs.
bool CurlMulti::set_up() noexcept {
  static const bool done = ::OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1 &&
                           ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

CurlMulti::CurlMulti(Shard& shard, const CurlKept& kept) noexcept
    : shard_(shard), kept_(kept), first_(this) {}

CurlMulti::CurlMulti(CurlMulti& first) noexcept
    : shard_(first.shard_), kept_(first.kept_), first_(&first) {}

CurlMulti::~CurlMulti() {
  drains_.clear();
  reaper_.reset();
  if (multi_) ::curl_multi_cleanup(multi_);
  if (sessions_) (void)::curl_share_cleanup(sessions_);
  shard_.disarm(*this);
}

bool CurlMulti::make() {
  if (multi_) return true;
  if (!set_up()) return false;
  if (!reaper_) reaper_ = std::make_unique<CurlReaper>(*this);
  if (!sessions_) sessions_ = ::curl_share_init();
  if (::curl_share_setopt(sessions_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK)
    return false;
  multi_ = ::curl_multi_init();
  if (!multi_) return false;
  (void)::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlMulti::on_timer);
  (void)::curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  (void)::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlMulti::on_socket);
  (void)::curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  (void)::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kept_.connections));
  return true;
}

void CurlMulti::keep(std::size_t connections, std::size_t idle) noexcept {
  kept_.idle = std::max(kept_.idle, idle);
  if (connections <= kept_.connections) return;
  kept_.connections = connections;
  if (multi_)
    (void)::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kept_.connections));
}

bool CurlMulti::buffer(std::size_t bytes) noexcept {
  if (bytes > first_->kept_.bytes - buffered()) return false;
  first_->buffered_ += bytes;
  return true;
}

CURL* CurlMulti::take() noexcept { return set_up() ? ::curl_easy_init() : nullptr; }

void CurlMulti::give_back(CURL* easy) noexcept { ::curl_easy_cleanup(easy); }

Status CurlMulti::begin(CURL* easy, CurlEnd& end) {
  if (!make()) return Status(Cause::kNoMemory, "no memory for the HTTP transport");
  look_at_idle();
  (void)::curl_easy_setopt(easy, CURLOPT_PRIVATE, &end);
  (void)::curl_easy_setopt(easy, CURLOPT_SHARE, sessions_);
  const CURLMcode added = ::curl_multi_add_handle(multi_, easy);
  if (added == CURLM_OUT_OF_MEMORY) return Status(Cause::kNoMemory, "no memory for a transfer");
  if (added != CURLM_OK) return Status(Cause::kInternal, ::curl_multi_strerror(added));
  end.begun_ = easy;
  ++transfers_;
  act(CURL_SOCKET_TIMEOUT, 0);
  return {};
}

void CurlMulti::stop(CurlEnd& end) noexcept {
  if (!end.begun_) return;
  --transfers_;
  std::erase(turned_away_, end.begun_);
  (void)::curl_multi_remove_handle(multi_, std::exchange(end.begun_, nullptr));
  for (const curl_socket_t fd : end.held_) {
    const auto& socket = sockets_[static_cast<std::size_t>(fd)];
    if (socket) socket->let_go(end);
  }
  end.held_.clear();
  forget_closed(end);
  if (connections_ > 0) reaper_->later();
}

void CurlMulti::drain(CURL* easy, CurlEnd& end, CurlHeld held) noexcept try {
  std::unique_ptr<CurlDrain> drain;
  if (drains_.size() < kMostDrains) {
    drains_.reserve(kMostDrains);
    drain = std::make_unique<CurlDrain>(*this, easy, std::move(held));
  }
  if (!drain) {
    stop(end);
    return give_back(easy);
  }
  drain->begin(end);
  drains_.push_back(std::move(drain));
} catch (const std::bad_alloc&) {
  stop(end);
  give_back(easy);
}

void CurlMulti::hand_over(CurlEnd& from, CurlEnd& to) noexcept {
  to.begun_ = std::exchange(from.begun_, nullptr);
  to.held_ = std::exchange(from.held_, {});
  to.opened_ = std::exchange(from.opened_, {});
  (void)::curl_easy_setopt(to.begun_, CURLOPT_PRIVATE, &to);
  for (const curl_socket_t fd : to.held_) {
    const auto& socket = sockets_[static_cast<std::size_t>(fd)];
    if (socket) socket->hand_over(from, to);
  }
}

void CurlMulti::drained(CurlDrain& drain) noexcept {
  std::erase_if(drains_, [&](const auto& each) { return each.get() == &drain; });
}

void CurlMulti::connected(CurlEnd& end) noexcept try {
  for (const curl_socket_t fd : end.opened_) {
    const auto& socket = sockets_[static_cast<std::size_t>(fd)];
    if (socket && socket->is_new_of(end) && socket->is_open()) hold(*socket, end, fd);
  }
  forget_closed(end);
} catch (const std::bad_alloc&) {
  forget_closed(end);
}

// In a turn that could not fetch all events the end of an idle connection may be among the rest.
void CurlMulti::look_at_idle() noexcept {
  if (shard_.fetched_all() || looked_ == shard_.now()) return;
  looked_ = shard_.now();
  for (const auto& socket : sockets_) {
    if (socket) socket->look();
  }
}

void CurlMulti::hold(CurlSocket& socket, CurlEnd& end, curl_socket_t fd) {
  if (std::find(end.held_.begin(), end.held_.end(), fd) == end.held_.end()) end.held_.push_back(fd);
  socket.hold(end);
}

void CurlMulti::stands_still(CurlEnd& end, CurlPorts ports) {
  if (!end.held_.empty()) return;
  for (std::size_t fd = 0; fd < sockets_.size(); ++fd) {
    const auto& socket = sockets_[fd];
    if (!socket || !socket->is_connection() || socket->is_held()) continue;
    if (ports_of(static_cast<int>(fd)) != ports) continue;
    hold(*socket, end, static_cast<curl_socket_t>(fd));
    if (ports != CurlPorts()) return;
  }
}

void CurlMulti::act(curl_socket_t socket, int events) noexcept {
  int running = 0;
  (void)::curl_multi_socket_action(multi_, socket, events, &running);
  go_on();
  harvest();
}

// Where an address took no connection, libcurl 7.88 tries the next one when it looks at the transfer
// again, which can be half the connect timeout away. A pause that ends at once makes it look.
void CurlMulti::go_on() noexcept {
  for (CURL* const easy : std::exchange(turned_away_, {})) {
    (void)::curl_easy_pause(easy, CURLPAUSE_RECV);
    (void)::curl_easy_pause(easy, CURLPAUSE_CONT);
  }
}

void CurlMulti::harvest() noexcept {
  int left = 0;
  while (CURLMsg* const message = ::curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* end = nullptr;
    (void)::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &end);
    reinterpret_cast<CurlEnd*>(end)->ended(message->data.result);
  }
}

void CurlMulti::list_idle(std::vector<CurlSocket*>& into) const {
  into.clear();
  for (const auto& socket : sockets_) {
    if (socket && socket->is_idle()) into.push_back(socket.get());
  }
}

void CurlMulti::spoilt() noexcept { reaper_->soon(); }

std::unique_ptr<CurlSocket>& CurlMulti::place_of(curl_socket_t fd) {
  const auto at = static_cast<std::size_t>(fd);
  if (at >= sockets_.size()) sockets_.resize(std::max(at + 1, 2 * sockets_.size()));
  return sockets_[at];
}

// A time that is over is not acted upon here: libcurl is on the stack.
int CurlMulti::on_timer(CURLM*, long milliseconds, void* self) noexcept {
  auto& multi = *static_cast<CurlMulti*>(self);
  if (milliseconds < 0) {
    multi.shard_.disarm(multi);
  } else {
    multi.shard_.arm(multi, multi.shard_.now() + std::chrono::milliseconds(milliseconds));
  }
  return 0;
}

int CurlMulti::on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void*) noexcept {
  auto& multi = *static_cast<CurlMulti*>(self);
  char* raw = nullptr;
  (void)::curl_easy_getinfo(easy, CURLINFO_PRIVATE, &raw);
  auto* const end = reinterpret_cast<CurlEnd*>(raw);
  int error = ENOMEM;
  try {
    auto& place = multi.place_of(fd);
    // Closed without a word on the way to a connection: its number is the resolver's by now.
    if (place && place->is_new() && !place->is_open()) multi.forget(fd);
    if (!place && what == CURL_POLL_REMOVE) return 0;
    if (!place) place = std::make_unique<CurlSocket>(multi, multi.shard_, fd);
    if (what != CURL_POLL_REMOVE && end) multi.hold(*place, *end, fd);
    const Status wanted = place->want(events_of(what));
    if (what == CURL_POLL_REMOVE && !place->is_connection()) place.reset();
    if (wanted.ok()) return 0;
    error = ENOSPC;
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  }
  if (end) end->hindered(error);
  return 0;
}

curl_socket_t CurlMulti::open_socket(void* raw, curlsocktype, curl_sockaddr* address) noexcept {
  auto& end = *static_cast<CurlEnd*>(raw);
  CurlMulti& multi = end.multi();
  if (!end.may_connect(address->addr)) return CURL_SOCKET_BAD;
  const int fd = ::socket(address->family, address->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                          address->protocol);
  if (fd < 0) {
    end.hindered(errno);
    return CURL_SOCKET_BAD;
  }
  try {
    auto& place = multi.place_of(fd);
    if (place) multi.forget(fd);
    auto socket = std::make_unique<CurlSocket>(multi, multi.shard_, fd, end, address->addr);
    end.opened_.push_back(fd);
    place = std::move(socket);
  } catch (const std::bad_alloc&) {
    ::close(fd);
    end.hindered(ENOMEM);
    return CURL_SOCKET_BAD;
  }
  tune(fd);
  close_in_child(fd);
  ++multi.connections_;
  return fd;
}

int CurlMulti::close_socket(void* self, curl_socket_t fd) noexcept {
  auto& multi = *static_cast<CurlMulti*>(self);
  multi.was_turned_away(fd);
  multi.forget(fd);
  return ::close(fd);
}

void CurlMulti::was_turned_away(curl_socket_t fd) noexcept try {
  const auto at = static_cast<std::size_t>(fd);
  if (at >= sockets_.size() || !sockets_[at] || !sockets_[at]->is_new()) return;
  CURL* const easy = sockets_[at]->opener()->begun_;
  if (easy) turned_away_.push_back(easy);
} catch (const std::bad_alloc&) {
  return;  // it goes on later
}

void CurlMulti::forget(curl_socket_t fd) noexcept {
  const auto at = static_cast<std::size_t>(fd);
  if (at >= sockets_.size() || !sockets_[at]) return;
  if (sockets_[at]->is_connection()) {
    keep_in_child(fd);
    --connections_;
  }
  sockets_[at].reset();
}

void CurlMulti::forget_closed(CurlEnd& end) noexcept {
  for (const curl_socket_t fd : end.opened_) {
    const auto& socket = sockets_[static_cast<std::size_t>(fd)];
    if (!socket || !socket->is_new_of(end)) continue;
    socket->is_open() ? socket->settle() : forget(fd);
  }
  end.opened_.clear();
}

}  // namespace tidegate::internal
