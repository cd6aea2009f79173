// SPDX-License-Identifier: Apache-2.0
//
// HeadStream: what cpp-httplib reads a request from and writes its answer to. It reads the head
// that is there already, never from the socket, and sends the answer in one piece.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <string>

#include "guest.hpp"

namespace server {

class HeadStream final : public httplib::Stream {
 public:
  explicit HeadStream(const Guest& guest) noexcept : guest_(guest) {}

  // Sends what was written; false if the client did not take it in time.
  bool send(tidegate::Duration timeout);

  bool is_readable() const override { return read_ < guest_.head.size(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t most) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  // cpp-httplib refuses what select() cannot take; nothing is selected here.
  socket_t socket() const override { return 0; }

 private:
  const Guest& guest_;
  std::size_t read_ = 0;
  std::string answer_;
};

}  // namespace server
