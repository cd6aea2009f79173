// SPDX-License-Identifier: Apache-2.0
//
// RedisServer: a real redis-server on a free port of the loopback, with a directory of its own.
// Killed by the destructor, and by the kernel where the test dies. RedisAdmin: a blocking
// connection of a test's own, to look at a server and to torment it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "net/descriptor.hpp"
#include "net/redis_reply.hpp"

namespace tidegate::test {

class RedisAdmin {
 public:
  explicit RedisAdmin(std::uint16_t port);

  bool connected() const noexcept { return static_cast<bool>(socket_); }
  // Sends, and waits for the answer; an error reply where the connection is over.
  internal::RedisReply operator()(const std::vector<std::string>& command);
  void send(const std::vector<std::string>& command);
  internal::RedisReply receive();

 private:
  internal::Descriptor socket_;
  internal::RedisReplyReader reader_{{.string_bytes = 8U << 20, .total_bytes = 16U << 20}};
};

class RedisServer {
 public:
  using Arguments = std::vector<std::string>;

  // `arguments` as on the command line: {"--requirepass", "secret"}.
  explicit RedisServer(const Arguments& arguments = {});
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer();

  std::uint16_t port() const noexcept { return port_; }
  const std::string& directory() const noexcept { return directory_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  RedisAdmin admin() const { return RedisAdmin(port_); }
  internal::RedisReply operator()(const std::vector<std::string>& command) const {
    return admin()(command);
  }

  void signal(int number) const;
  void kill();
  // On the same port and in the same directory.
  void start();
  void start(const Arguments& arguments);

 private:
  bool try_to_start();

  Arguments arguments_;
  std::string directory_;
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
};

}  // namespace tidegate::test
