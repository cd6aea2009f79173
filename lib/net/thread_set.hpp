// SPDX-License-Identifier: Apache-2.0
//
// ThreadSet: the threads of one part of the runtime. They are named, have all signals blocked (a
// host's handlers never run on them, and a closed peer cannot kill the process by SIGPIPE), and are
// joined with a bound or abandoned; nothing here ever joins for ever. A thread that ends by itself
// is joined by the next start() or join().
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class ThreadSet {
 public:
  ThreadSet() = default;
  ThreadSet(const ThreadSet&) = delete;
  ThreadSet& operator=(const ThreadSet&) = delete;

  // Abandons what still runs. What a thread touches must be owned by its body.
  ~ThreadSet();

  // Starts a thread that runs `body`; kLocalResource if the process can have no more. `name` is at
  // most 15 characters.
  Status start(const char* name, std::function<void()> body);

  // Hands its threads to another set, to be joined there; this one may start new ones meanwhile, and
  // be joined.
  void hand_over(ThreadSet& to);

  // Joins those that end before `until`; how many still run. REQUIRES: not called by one of them.
  std::size_t join(Deadline until);

 private:
  struct Thread;
  static void* enter(void* thread);
  void reap();

  std::mutex mutex_;
  std::vector<std::shared_ptr<Thread>> threads_;
};

}  // namespace tidegate::internal
