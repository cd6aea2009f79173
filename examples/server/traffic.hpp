// SPDX-License-Identifier: Apache-2.0
//
// Traffic: what the server itself counts, beside what tidegate counts.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "tally.hpp"

namespace server {

class Traffic {
 public:
  Tally connections;  // open
  Tally newcomers;    // of them: accepted, and nothing has come yet
  Tally kept;         // of them: answered, and open for another request
  Tally requests;     // from their first byte until their answer is sent

  // One answer. `path` is one of the server's own, or "other": what clients send is no label.
  void count(std::string_view path, int status);

  // In the text format of Prometheus.
  std::string prometheus() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> answers_;
};

}  // namespace server
