// SPDX-License-Identifier: Apache-2.0
#include "support/fake_redis.hpp"

#include <doctest/doctest.h>

#include <charconv>
#include <memory>
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

void FakeRedis::Peer::answer(const Command& command) {
  const std::string& name = command[0];
  if (name == "GET") return send(bulk(value_of(command[1])));
  if (name == "PTTL") return send(":60000\r\n");
  if (name == "PING") return send(subscribed_ ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n");
  if (name == "INFO") return send(bulk("used_memory:1\r\n"));
  if (name == "EVALSHA") return send(":1\r\n");
  if (name == "SUBSCRIBE" || name == "UNSUBSCRIBE") {
    subscribed_ = true;
    const bool begins = name == "SUBSCRIBE";
    return send("*3\r\n" + bulk(begins ? "subscribe" : "unsubscribe") + bulk(command[1]) +
                ":1\r\n");
  }
  send("+OK\r\n");
}

FakeRedis::FakeRedis(Script script, const OnConnect& on_connect)
    : script_(std::move(script)),
      server_({.make = [](int fd, int number) { return std::make_unique<Peer>(fd, number); },
               .connected =
                   [on_connect](LoopbackPeer& peer) {
                     return !on_connect || on_connect(static_cast<Peer&>(peer));
                   },
               .heard = [this](LoopbackPeer& peer) { heard(static_cast<Peer&>(peer)); }}) {}

void FakeRedis::with_peers(const std::function<void(Peer&)>& work) {
  server_.with_peers([&work](LoopbackPeer& peer) { work(static_cast<Peer&>(peer)); });
}

int FakeRedis::count(const std::string& command) const {
  std::lock_guard lock(mutex_);
  const auto found = counts_.find(command);
  return found == counts_.end() ? 0 : found->second;
}

void FakeRedis::heard(Peer& peer) {
  while (!peer.over()) {
    const auto command = take_command(peer.input_);
    if (!command) return;
    {
      std::lock_guard lock(mutex_);
      ++counts_[(*command)[0]];
    }
    if (!script_ || !script_(peer, *command)) peer.answer(*command);
  }
}

}  // namespace tidegate::test
