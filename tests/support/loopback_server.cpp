// SPDX-License-Identifier: Apache-2.0
#include "support/loopback_server.hpp"

#include <doctest/doctest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace tidegate::test {

// What the socket does not take at once is waited for: tests send little.
void LoopbackPeer::send(std::string_view bytes) {
  while (!over_ && !bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return close();
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void LoopbackPeer::send_bytewise(std::string_view bytes) {
  for (const char byte : bytes) send({&byte, 1});
}

void LoopbackPeer::reset() noexcept {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

LoopbackServer::LoopbackServer(Speech speech)
    : speech_(std::move(speech)),
      port_(new_loopback_port()),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  REQUIRE(::listen(port_.socket.get(), 4096) == 0);
  thread_ = std::thread([this] { run(); });
}

LoopbackServer::~LoopbackServer() {
  {
    std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wake();
  thread_.join();
}

void LoopbackServer::wake() const { (void)::eventfd_write(wake_.get(), 1); }

void LoopbackServer::with_peers(std::function<void(LoopbackPeer&)> work) {
  on_thread([this, work = std::move(work)] {
    for (const auto& peer : peers_) work(*peer);
  });
}

void LoopbackServer::forget_most_open() {
  on_thread([this] { most_open_ = 0; });
}

void LoopbackServer::on_thread(std::function<void()> work) {
  std::unique_lock lock(mutex_);
  posted_ = std::move(work);
  wake();
  changed_.wait(lock, [this] { return !posted_; });
}

void LoopbackServer::run() {
  std::vector<pollfd> descriptors;
  for (;;) {
    descriptors.clear();
    descriptors.push_back({.fd = port_.socket.get(), .events = POLLIN, .revents = 0});
    descriptors.push_back({.fd = wake_.get(), .events = POLLIN, .revents = 0});
    for (const auto& peer : peers_) {
      descriptors.push_back({.fd = peer->socket_.get(), .events = POLLIN, .revents = 0});
    }
    (void)::poll(descriptors.data(), descriptors.size(), -1);
    {
      std::lock_guard lock(mutex_);
      if (ends_) return;
    }
    for (std::size_t i = 0; i + 2 < descriptors.size(); ++i) {
      if (descriptors[i + 2].revents != 0) serve(*peers_[i]);
    }
    if (descriptors[1].revents != 0) run_posted();
    drop_those_over();
    if (descriptors[0].revents != 0) accept_one();
    drop_those_over();
  }
}

void LoopbackServer::accept_one() {
  const int fd = ::accept4(port_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  peers_.push_back(speech_.make(fd, accepted_.fetch_add(1)));
  const int open = open_.fetch_add(1) + 1;
  most_open_ = std::max(most_open_.load(), open);
  if (!speech_.connected(*peers_.back())) peers_.back()->close();
}

// All that is there, the end too: else this thread, where it was late, would take the next connection
// while it holds one that its client has left.
void LoopbackServer::serve(LoopbackPeer& peer) {
  std::array<char, 65536> buffer;
  bool came = false;
  ssize_t got = 0;
  while ((got = ::recv(peer.socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
    came = true;
    reads_.fetch_add(1);
    peer.input_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const bool ended = got == 0 || errno != EAGAIN;
  if (came) speech_.heard(peer);
  if (ended) peer.close();
}

void LoopbackServer::drop_those_over() {
  open_ -= static_cast<int>(std::erase_if(peers_, [](const auto& peer) { return peer->over_; }));
}

void LoopbackServer::run_posted() {
  eventfd_t ignored = 0;
  (void)::eventfd_read(wake_.get(), &ignored);
  std::lock_guard lock(mutex_);
  if (!posted_) return;
  posted_();
  drop_those_over();
  posted_ = nullptr;
  changed_.notify_all();
}

}  // namespace tidegate::test
