// SPDX-License-Identifier: Apache-2.0
#include "support/scripted_http.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace tidegate::test {

namespace {

// Takes one whole request off the front of `input`.
std::optional<ScriptedHttp::Request> take_request(std::string& input) {
  const std::size_t end = input.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  ScriptedHttp::Request request;
  request.head = input.substr(0, end + 4);
  const std::size_t space = request.head.find(' ');
  request.method = request.head.substr(0, space);
  request.target = request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
  std::size_t length = 0;
  const std::string_view name = "\r\nContent-Length: ";
  if (const std::size_t at = request.head.find(name); at != std::string::npos) {
    const char* const digits = request.head.data() + at + name.size();
    std::from_chars(digits, request.head.data() + request.head.size(), length);
  }
  if (input.size() < end + 4 + length) return std::nullopt;
  request.body = input.substr(end + 4, length);
  input.erase(0, end + 4 + length);
  return request;
}

}  // namespace

// What the socket does not take at once is waited for.
void ScriptedHttp::Peer::send(std::string_view bytes) {
  while (!over_ && !bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return close();
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void ScriptedHttp::Peer::send_bytewise(std::string_view bytes) {
  for (const char byte : bytes) send({&byte, 1});
}

void ScriptedHttp::Peer::answer(std::string_view body, std::string_view more_headers) {
  send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
       std::string(more_headers) + "\r\n" + std::string(body));
}

void ScriptedHttp::Peer::reset() noexcept {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

ScriptedHttp::ScriptedHttp(Table table, OnConnect on_connect)
    : table_(std::move(table)),
      on_connect_(std::move(on_connect)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener_.get(), 4096) == 0);
  REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

ScriptedHttp::~ScriptedHttp() {
  {
    std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wake();
  thread_.join();
}

std::string ScriptedHttp::url(std::string_view target) const {
  return "http://127.0.0.1:" + std::to_string(port_) + std::string(target);
}

void ScriptedHttp::wake() const { (void)::eventfd_write(wake_.get(), 1); }

void ScriptedHttp::with_peers(std::function<void(Peer&)> work) {
  std::unique_lock lock(mutex_);
  posted_ = std::move(work);
  wake();
  changed_.wait(lock, [this] { return !posted_; });
}

ScriptedHttp::Request ScriptedHttp::last() const {
  std::lock_guard lock(mutex_);
  return last_;
}

void ScriptedHttp::run() {
  std::vector<pollfd> descriptors;
  for (;;) {
    descriptors.clear();
    descriptors.push_back({.fd = listener_.get(), .events = POLLIN, .revents = 0});
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

void ScriptedHttp::accept_one() {
  const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  peers_.push_back(std::make_unique<Peer>(fd, accepted_.fetch_add(1)));
  const int open = open_.fetch_add(1) + 1;
  most_open_ = std::max(most_open_.load(), open);
  if (on_connect_ && !on_connect_(*peers_.back())) peers_.back()->close();
}

void ScriptedHttp::serve(Peer& peer) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::recv(peer.socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got <= 0) return peer.close();
  peer.input_.append(buffer.data(), static_cast<std::size_t>(got));
  while (!peer.over_) {
    const auto request = take_request(peer.input_);
    if (!request) return;
    ++peer.requests_;
    requests_.fetch_add(1);
    {
      std::lock_guard lock(mutex_);
      last_ = *request;
    }
    const auto found = table_.find(request->target.substr(0, request->target.find('?')));
    if (found == table_.end()) {
      peer.answer(request->target);
    } else {
      found->second(peer, *request);
    }
  }
}

void ScriptedHttp::drop_those_over() {
  open_ -= static_cast<int>(std::erase_if(peers_, [](const auto& peer) { return peer->over_; }));
}

void ScriptedHttp::run_posted() {
  eventfd_t ignored = 0;
  (void)::eventfd_read(wake_.get(), &ignored);
  std::lock_guard lock(mutex_);
  if (!posted_) return;
  for (const auto& peer : peers_) posted_(*peer);
  drop_those_over();
  posted_ = nullptr;
  changed_.notify_all();
}

}  // namespace tidegate::test
