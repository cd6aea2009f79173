// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "tidegate/http.hpp"

namespace tidegate::test {

// Patient, so that a machine that is busy is not mistaken for a server that is slow.
inline ClientOptions patient(std::string name) {
  using namespace std::chrono_literals;
  return ClientOptions()
      .name(std::move(name))
      .pool_timeout(1min)
      .connect_timeout(1min)
      .attempt_timeout(1min)
      .read_timeout(1min)
      .timeout(1min);
}

}  // namespace tidegate::test
