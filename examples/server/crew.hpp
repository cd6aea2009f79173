// SPDX-License-Identifier: Apache-2.0
//
// Crew: a fixed number of threads that serve guests, and a bounded queue before them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "guest.hpp"

namespace server {

class Crew {
 public:
  using Serve = std::function<void(std::unique_ptr<Guest>)>;

  Crew(std::size_t threads, std::size_t most_waiting, Serve serve);
  ~Crew() { finish(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Gives the guest back where the queue is full.
  std::unique_ptr<Guest> take(std::unique_ptr<Guest> guest);

  // Serves who waits already, then ends the threads.
  void finish();

 private:
  void work();

  const std::size_t most_waiting_;
  const Serve serve_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::unique_ptr<Guest>> waiting_;
  std::size_t idle_ = 0;  // threads that a guest does not have to wait for
  bool finishing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace server
