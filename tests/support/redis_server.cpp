// SPDX-License-Identifier: Apache-2.0
#include "support/redis_server.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "net/redis_command.hpp"
#include "support/event.hpp"
#include "support/loopback_port.hpp"

namespace tidegate::test {

namespace {

using internal::Descriptor;
using internal::RedisReply;

RedisReply gone() {
  return {.kind = RedisReply::Kind::kError, .text = "ERR the connection is over"};
}

}  // namespace

RedisAdmin::RedisAdmin(std::uint16_t port)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in address = loopback_address(port);
  const timeval patience{.tv_sec = 60, .tv_usec = 0};
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    socket_.reset();
  }
}

void RedisAdmin::send(const std::vector<std::string>& command) {
  const std::vector<std::string_view> arguments(command.begin(), command.end());
  std::string out;
  internal::append_redis_command(out, arguments);
  for (std::string_view rest = out; socket_ && !rest.empty();) {
    const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) return socket_.reset();
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

RedisReply RedisAdmin::receive() {
  std::array<char, 16384> buffer{};
  while (socket_) {
    auto next = reader_.next();
    if (!next.ok()) return gone();
    if (*next) return std::move(**next);
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    // The program was stopped and goes on: with a timeout, this is not begun again by itself.
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (!reader_.feed({buffer.data(), static_cast<std::size_t>(got)}).ok()) break;
  }
  return gone();
}

RedisReply RedisAdmin::operator()(const std::vector<std::string>& command) {
  send(command);
  return receive();
}

RedisServer::RedisServer(const Arguments& arguments) : arguments_(arguments) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tidegate-redis-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  for (int attempt = 0; attempt < 20; ++attempt) {
    port_ = new_loopback_port().number;
    if (try_to_start()) return;
  }
  FAIL("redis-server does not start");
}

RedisServer::~RedisServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void RedisServer::start() { REQUIRE(try_to_start()); }

void RedisServer::start(const Arguments& arguments) {
  arguments_ = arguments;
  start();
}

bool RedisServer::try_to_start() {
  const std::string port = std::to_string(port_);
  std::vector<std::string> line{
      "redis-server", "--port", port,    "--bind",   "127.0.0.1",
      "--save",       "",       "--dir", directory_, "--enable-debug-command",
      "yes",          "--hz",   "50"};
  line.insert(line.end(), arguments_.begin(), arguments_.end());
  std::vector<char*> arguments;
  for (std::string& argument : line) arguments.push_back(argument.data());
  arguments.push_back(nullptr);

  process_ = ::fork();
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, 0);
    ::dup2(nowhere, 1);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  bool runs = true;
  // Any answer will do, also that it is loading or wants a password.
  const bool answers = eventually([&] {
    runs = ::waitpid(process_, nullptr, WNOHANG) == 0;
    return !runs || admin()({"PING"}).text != gone().text;
  });
  if (runs && answers) return true;
  if (runs) kill();
  process_ = 0;
  return false;
}

void RedisServer::signal(int number) const { REQUIRE(::kill(process_, number) == 0); }

void RedisServer::kill() {
  if (process_ <= 0) return;
  (void)::kill(process_, SIGKILL);
  (void)::waitpid(std::exchange(process_, 0), nullptr, 0);
}

}  // namespace tidegate::test
