// SPDX-License-Identifier: Apache-2.0
#include "support/scripted_http.hpp"

#include <charconv>
#include <memory>
#include <optional>
#include <utility>

namespace tidegate::test {

namespace {

// The body that its chunks make, off the front of `input`.
std::optional<std::string> take_chunks(std::string& input, std::size_t at) {
  std::string body;
  for (;;) {
    const std::size_t line = input.find("\r\n", at);
    if (line == std::string::npos) return std::nullopt;
    std::size_t size = 0;
    std::from_chars(input.data() + at, input.data() + line, size, 16);
    if (input.size() < line + 2 + size + 2) return std::nullopt;
    body += input.substr(line + 2, size);
    at = line + 2 + size + 2;
    if (size > 0) continue;
    input.erase(0, at);
    return body;
  }
}

// Takes one whole request off the front of `input`.
std::optional<ScriptedHttp::Request> take_request(std::string& input) {
  const std::size_t end = input.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  ScriptedHttp::Request request;
  request.head = input.substr(0, end + 4);
  const std::size_t space = request.head.find(' ');
  request.method = request.head.substr(0, space);
  request.target = request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
  if (request.has("\r\nTransfer-Encoding: chunked\r\n")) {
    auto body = take_chunks(input, end + 4);
    if (!body) return std::nullopt;
    request.body = std::move(*body);
    return request;
  }
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

void ScriptedHttp::Peer::answer(std::string_view body, std::string_view more_headers) {
  send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
       std::string(more_headers) + "\r\n" + std::string(body));
}

ScriptedHttp::ScriptedHttp(Table table, const OnConnect& on_connect)
    : table_(std::move(table)),
      server_({.make = [](int fd, int number) { return std::make_unique<Peer>(fd, number); },
               .connected =
                   [on_connect](LoopbackPeer& peer) {
                     return !on_connect || on_connect(static_cast<Peer&>(peer));
                   },
               .heard = [this](LoopbackPeer& peer) { heard(static_cast<Peer&>(peer)); }}) {}

std::string ScriptedHttp::url(std::string_view target) const {
  return "http://127.0.0.1:" + std::to_string(port()) + std::string(target);
}

void ScriptedHttp::with_peers(const std::function<void(Peer&)>& work) {
  server_.with_peers([&work](LoopbackPeer& peer) { work(static_cast<Peer&>(peer)); });
}

ScriptedHttp::Request ScriptedHttp::last() const {
  std::lock_guard lock(mutex_);
  return last_;
}

void ScriptedHttp::heard(Peer& peer) {
  while (!peer.over()) {
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

}  // namespace tidegate::test
