// SPDX-License-Identifier: Apache-2.0
//
// CallbackThread: the default Dispatcher. One thread, started at the first use, that runs users'
// callbacks in the order in which they came. An exception that escapes a callback is logged and
// dropped: nobody is left to catch it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "net/thread_set.hpp"
#include "tidegate/dispatcher.hpp"

namespace tidegate::internal {

class CallbackThread final : public Dispatcher {
 public:
  void dispatch(std::function<void()> work) override;

  // Joins the thread if nothing waits or runs; false otherwise.
  bool quiesce();

  // Runs what waits, then ends the thread; how many threads (0 or 1) were still in a callback at
  // `until`.
  std::size_t stop(Deadline until);

 private:
  void run(std::uint64_t epoch);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;  // guarded by mutex_, like all below
  std::uint64_t epoch_ = 0;  // a thread ends when this is no longer the epoch it was started in
  bool started_ = false;
  bool busy_ = false;
  bool closed_ = false;
  std::unique_ptr<ThreadSet> thread_ = std::make_unique<ThreadSet>();
};

}  // namespace tidegate::internal
