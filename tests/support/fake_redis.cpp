// SPDX-License-Identifier: Apache-2.0
#include "support/fake_redis.hpp"

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

// Takes one whole command off the front of `input`.
std::optional<FakeRedis::Command> take_command(std::string& input) {
  std::size_t at = 0;
  const auto number = [&](char type) -> std::optional<std::size_t> {
    const std::size_t end = input.find("\r\n", at);
    if (end == std::string::npos) return std::nullopt;
    REQUIRE(input[at] == type);
    std::size_t value = 0;
    std::from_chars(input.data() + at + 1, input.data() + end, value);
    at = end + 2;
    return value;
  };
  const auto count = number('*');
  if (!count) return std::nullopt;
  FakeRedis::Command command;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto size = number('$');
    if (!size || input.size() < at + *size + 2) return std::nullopt;
    command.push_back(input.substr(at, *size));
    at += *size + 2;
  }
  input.erase(0, at);
  return command;
}

}  // namespace

std::string FakeRedis::bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

// What the socket does not take at once is waited for: tests send little.
void FakeRedis::Peer::send(std::string_view bytes) {
  while (!over_ && !bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return close();
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void FakeRedis::Peer::send_bytewise(std::string_view bytes) {
  for (const char byte : bytes) send({&byte, 1});
}

void FakeRedis::Peer::reset() noexcept {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void FakeRedis::Peer::answer(const Command& command) {
  const std::string& name = command[0];
  if (name == "GET") return send(bulk(value_of(command[1])));
  if (name == "PTTL") return send(":60000\r\n");
  if (name == "PING") return send(subscribed_ ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n");
  if (name == "INFO") return send(bulk("used_memory:1\r\n"));
  if (name == "EVALSHA" || name == "DEL" || name == "PUBLISH" || name == "INCR") {
    return send(":1\r\n");
  }
  if (name == "SUBSCRIBE" || name == "UNSUBSCRIBE") {
    subscribed_ = true;
    const bool begins = name == "SUBSCRIBE";
    return send("*3\r\n" + bulk(begins ? "subscribe" : "unsubscribe") + bulk(command[1]) +
                ":1\r\n");
  }
  send("+OK\r\n");
}

FakeRedis::FakeRedis(Script script, OnConnect on_connect)
    : script_(std::move(script)),
      on_connect_(std::move(on_connect)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener_.get(), 128) == 0);
  REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

FakeRedis::~FakeRedis() {
  {
    std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wake();
  thread_.join();
}

void FakeRedis::wake() const { (void)::eventfd_write(wake_.get(), 1); }

void FakeRedis::with_peers(std::function<void(Peer&)> work) {
  std::unique_lock lock(mutex_);
  posted_ = std::move(work);
  wake();
  changed_.wait(lock, [this] { return !posted_; });
}

int FakeRedis::count(const std::string& command) const {
  std::lock_guard lock(mutex_);
  const auto found = counts_.find(command);
  return found == counts_.end() ? 0 : found->second;
}

void FakeRedis::run() {
  for (;;) {
    std::vector<pollfd> descriptors{{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    for (const auto& peer : peers_) {
      descriptors.push_back({.fd = peer->socket_.get(), .events = POLLIN, .revents = 0});
    }
    (void)::poll(descriptors.data(), descriptors.size(), -1);
    {
      std::lock_guard lock(mutex_);
      if (ends_) return;
    }
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      if (descriptors[i + 2].revents != 0) serve(*peers_[i]);
    }
    if (descriptors[1].revents != 0) run_posted();
    drop_those_over();
    if (descriptors[0].revents != 0) accept_one();
    drop_those_over();
  }
}

void FakeRedis::accept_one() {
  const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  peers_.push_back(std::make_unique<Peer>(fd, accepted_.fetch_add(1)));
  const int open = open_.fetch_add(1) + 1;
  most_open_ = std::max(most_open_.load(), open);
  if (on_connect_ && !on_connect_(*peers_.back())) peers_.back()->close();
}

void FakeRedis::serve(Peer& peer) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::recv(peer.socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got <= 0) return peer.close();
  reads_.fetch_add(1);
  peer.input_.append(buffer.data(), static_cast<std::size_t>(got));
  while (!peer.over_) {
    const auto command = take_command(peer.input_);
    if (!command) return;
    {
      std::lock_guard lock(mutex_);
      ++counts_[(*command)[0]];
    }
    if (!script_ || !script_(peer, *command)) peer.answer(*command);
  }
}

void FakeRedis::drop_those_over() {
  open_ -= static_cast<int>(std::erase_if(peers_, [](const auto& peer) { return peer->over_; }));
}

void FakeRedis::run_posted() {
  eventfd_t ignored = 0;
  (void)::eventfd_read(wake_.get(), &ignored);
  std::lock_guard lock(mutex_);
  if (!posted_) return;
  for (const auto& peer : peers_) posted_(*peer);
  posted_ = nullptr;
  changed_.notify_all();
}

}  // namespace tidegate::test
