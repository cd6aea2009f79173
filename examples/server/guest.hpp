// SPDX-License-Identifier: Apache-2.0
//
// Guest: one connection of a client. It has one owner at a time: the lobby while it waits, a worker
// while it is served.
#pragma once

#include <string>

#include "descriptor.hpp"
#include "tally.hpp"
#include "tidegate/deadline.hpp"

namespace server {

struct Guest {
  Descriptor socket;
  Tally::Mark open;               // as long as it is
  Tally::Mark newcomer;           // until its first byte
  Tally::Mark kept;               // once it was answered and may ask again
  Tally::Mark asking;             // from the first byte of a request until its answer is sent
  std::string input;              // what was read and belongs to no request yet
  std::string head;               // the request that is served: its line and headers
  tidegate::TimePoint arrived{};  // when `head` was whole
};

}  // namespace server
