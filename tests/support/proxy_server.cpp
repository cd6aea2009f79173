// SPDX-License-Identifier: Apache-2.0
#include "support/proxy_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "http/auth.hpp"

namespace tidegate::test {

namespace {

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// Empty where it ended before.
std::string read_bytes(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = ::recv(fd, bytes.data(), size, MSG_WAITALL);
  return got == static_cast<ssize_t>(size) ? bytes : std::string();
}

std::string read_head(int fd) {
  std::string head;
  for (char byte = 0; !head.ends_with("\r\n\r\n"); head.push_back(byte)) {
    if (::recv(fd, &byte, 1, 0) != 1) return {};
  }
  return head;
}

std::uint16_t number_of(std::string_view text) {
  std::uint16_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The field by which a user is right; empty where anybody is.
std::string field_of(const std::string& wants) {
  if (wants.empty()) return {};
  const std::size_t colon = wants.find(':');
  const HttpAuth auth{HttpAuth::Kind::kBasic, wants.substr(0, colon), wants.substr(colon + 1)};
  return "Proxy-Authorization: " + *internal::authorization(auth) + "\r\n";
}

bool pass_on(int from, int to) {
  std::array<char, 16384> bytes{};
  const ssize_t got = ::recv(from, bytes.data(), bytes.size(), 0);
  if (got > 0) send_all(to, {bytes.data(), static_cast<std::size_t>(got)});
  return got > 0;
}

}  // namespace

ProxyServer::ProxyServer(ProxyRules rules) : rules_(std::move(rules)), port_(new_loopback_port()) {
  (void)::listen(port_.socket.get(), 64);
  accepting_ = std::thread([this] { accept(); });
}

ProxyServer::~ProxyServer() {
  ends_.store(true);
  (void)::shutdown(port_.socket.get(), SHUT_RDWR);
  accepting_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) (void)::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : serving_) thread.join();
}

std::string ProxyServer::url(const std::string& user) const {
  const std::string at = user.empty() ? std::string() : user + "@";
  return (rules_.socks ? "socks5h://" : "http://") + at + shown();
}

std::vector<std::string> ProxyServer::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

std::vector<std::string> ProxyServer::heads() const {
  const std::lock_guard lock(mutex_);
  return heads_;
}

void ProxyServer::note(std::vector<std::string>& list, std::string text) {
  const std::lock_guard lock(mutex_);
  list.push_back(std::move(text));
}

void ProxyServer::accept() {
  while (!ends_.load()) {
    const int fd = ::accept4(port_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++accepted_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    serving_.emplace_back([this, fd] { serve(fd); });
  }
}

void ProxyServer::serve(int fd) {
  rules_.socks ? serve_socks(fd) : serve_http(fd);
  const std::lock_guard lock(mutex_);
  std::erase(open_, fd);
  ::close(fd);
}

void ProxyServer::serve_http(int fd) {
  for (std::string head = read_head(fd); !head.empty(); head = read_head(fd)) {
    note(heads_, head);
    const std::size_t space = head.find(' ') + 1;
    const std::string target = head.substr(space, head.find(' ', space) - space);
    if (head.find(field_of(rules_.wants)) == std::string::npos) {
      return send_all(fd, "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n");
    }
    if (head.starts_with("CONNECT ")) {
      const std::size_t colon = target.rfind(':');
      return tunnel(fd, target, number_of(target.substr(colon + 1)), "HTTP/1.1 200 Yes\r\n\r\n");
    }
    note(asked_, target);
    send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head.size()) + "\r\n\r\n" +
                     head);
  }
}

// RFC 1928 and 1929.
bool ProxyServer::greets(int fd) const {
  const std::string greeting = read_bytes(fd, 2);
  if (greeting.empty()) return false;
  const std::string methods = read_bytes(fd, static_cast<unsigned char>(greeting[1]));
  const char wanted = rules_.wants.empty() ? '\0' : '\2';
  if (methods.find(wanted) == std::string::npos) {
    send_all(fd, "\5\xFF");
    return false;
  }
  send_all(fd, {"\5", 1});
  send_all(fd, {&wanted, 1});
  if (wanted == '\0') return true;
  const std::string length = read_bytes(fd, 2);
  const std::string user = read_bytes(fd, static_cast<unsigned char>(length.at(1)));
  const std::string more = read_bytes(fd, 1);
  const std::string password = read_bytes(fd, static_cast<unsigned char>(more.at(0)));
  const bool is_right = user + ":" + password == rules_.wants;
  send_all(fd, is_right ? std::string_view("\1\0", 2) : std::string_view("\1\1", 2));
  return is_right;
}

void ProxyServer::serve_socks(int fd) {
  if (!greets(fd)) return;
  const std::string request = read_bytes(fd, 4);
  if (request.empty()) return;
  std::string host;
  if (request[3] == 3) {
    host = read_bytes(fd, static_cast<unsigned char>(read_bytes(fd, 1).at(0)));
  } else {
    (void)read_bytes(fd, request[3] == 1 ? 4 : 16);
    host = "an address";
  }
  const std::string port = read_bytes(fd, 2);
  const auto number = static_cast<std::uint16_t>(static_cast<unsigned char>(port.at(0)) << 8 |
                                                 static_cast<unsigned char>(port.at(1)));
  tunnel(fd, host + ":" + std::to_string(number), number, std::string("\5\0\0\1\0\0\0\0\0\0", 10));
}

void ProxyServer::tunnel(int fd, const std::string& target, std::uint16_t port,
                         const std::string& opened) {
  note(asked_, target);
  if (rules_.holds) return (void)read_bytes(fd, 1);
  if (!rules_.answer.empty()) return send_all(fd, rules_.answer);
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback_address(port);
  if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    send_all(fd, opened);
    for (bool goes_on = true; goes_on;) {
      std::array<pollfd, 2> both{{{fd, POLLIN, 0}, {server, POLLIN, 0}}};
      (void)::poll(both.data(), both.size(), -1);
      goes_on = both[0].revents == 0 || pass_on(fd, server);
      goes_on = goes_on && (both[1].revents == 0 || pass_on(server, fd));
    }
  }
  ::close(server);
}

}  // namespace tidegate::test
