// SPDX-License-Identifier: Apache-2.0
#include "traffic.hpp"

namespace server {

void Traffic::count(std::string_view path, int status) {
  std::lock_guard lock(mutex_);
  std::pair key(std::string(path), status);
  auto known = answers_.find(key);
  if (known == answers_.end()) {
    tidegate::OwnCounter fresh("server.requests",
                               {{"path", key.first}, {"status", std::to_string(status)}},
                               "Requests answered, by path and status");
    known = answers_.emplace(std::move(key), fresh).first;
  }
  known->second.add();
}

}  // namespace server
