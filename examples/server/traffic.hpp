// SPDX-License-Identifier: Apache-2.0
//
// Traffic: what the server itself counts, beside what tidegate counts, and in the same metrics.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "tally.hpp"

namespace server {

class Traffic {
 public:
  Tally connections{"server.connections", "Connections that are open"};
  Tally newcomers;  // of them: accepted, and nothing has come yet
  Tally kept{"server.kept_connections", "Connections kept for another request"};
  Tally requests{"server.requests_in_flight", "Requests from first byte to last"};

  // One answer. `path` is one of the server's own, or "other": what clients send is no label.
  void count(std::string_view path, int status);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, int>, tidegate::OwnCounter> answers_;
};

}  // namespace server
