// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tidegate/log.hpp"

namespace tidegate::test {

// Collects what is said while it lives. Sinks outlive it, so they share its state.
class Ear {
 public:
  Ear() {
    set_log_sink([heard = heard_](LogLevel level, std::string_view line) {
      const std::lock_guard lock(heard->mutex);
      heard->lines.push_back(std::string(log_level_name(level)) + " " + std::string(line));
    });
  }
  ~Ear() {
    set_log_sink(nullptr);
    set_log_level(LogLevel::kWarning);
  }
  Ear(const Ear&) = delete;
  Ear& operator=(const Ear&) = delete;

  std::vector<std::string> lines() const {
    const std::lock_guard lock(heard_->mutex);
    return heard_->lines;
  }
  // How many of them have this in them.
  std::size_t count(std::string_view text) const {
    const auto said = lines();
    return static_cast<std::size_t>(
        std::count_if(said.begin(), said.end(),
                      [text](const auto& line) { return line.find(text) != std::string::npos; }));
  }

 private:
  struct Heard {
    std::mutex mutex;
    std::vector<std::string> lines;
  };
  std::shared_ptr<Heard> heard_ = std::make_shared<Heard>();
};

}  // namespace tidegate::test
