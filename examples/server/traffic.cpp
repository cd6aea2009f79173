// SPDX-License-Identifier: Apache-2.0
#include "traffic.hpp"

namespace server {

void Traffic::count(std::string_view path, int status) {
  std::lock_guard lock(mutex_);
  ++answers_[{std::string(path), status}];
}

std::string Traffic::prometheus() const {
  std::string text =
      "# HELP tidegate_server_requests_total Requests answered, by path and status\n"
      "# TYPE tidegate_server_requests_total counter\n";
  {
    std::lock_guard lock(mutex_);
    for (const auto& [key, count] : answers_) {
      text += "tidegate_server_requests_total{path=\"" + key.first + "\",status=\"" +
              std::to_string(key.second) + "\"} " + std::to_string(count) + "\n";
    }
  }
  const auto gauge = [&text](const std::string& name, const char* help, const Tally& tally) {
    text += "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n" + name + " " +
            std::to_string(tally.count()) + "\n";
  };
  gauge("tidegate_server_connections", "Connections that are open", connections);
  gauge("tidegate_server_kept_connections", "Connections kept for another request", kept);
  gauge("tidegate_server_requests_in_flight", "Requests from first byte to last", requests);
  return text;
}

}  // namespace server
