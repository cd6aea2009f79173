// SPDX-License-Identifier: Apache-2.0
//
// CallbackThread: the default Dispatcher. One thread, started at the first use, that runs users'
// callbacks in the order in which they came. An exception that escapes a callback is logged and
// dropped: nobody is left to catch it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/intrusive_list.hpp"
#include "net/thread_set.hpp"
#include "tidegate/dispatcher.hpp"

namespace tidegate::internal {

class CallbackThread final : public Dispatcher {
 public:
  // One piece of work, and its place in the queue.
  struct Item : ListNode<Item> {
    explicit Item(std::function<void()> what) noexcept : work(std::move(what)) {}
    virtual ~Item() = default;
    std::function<void()> work;
  };

  CallbackThread() = default;
  ~CallbackThread() override;

  void dispatch(std::function<void()> work) override {
    push(std::make_unique<Item>(std::move(work)));
  }

  // The same without an allocation: for whoever must not fail.
  void push(std::unique_ptr<Item> item) noexcept;

  // Joins the thread if nothing waits or runs; false otherwise.
  bool quiesce();

  // Runs what waits, then ends the thread; how many threads (0 or 1) were still in a callback at
  // `until`.
  std::size_t stop(Deadline until);

 private:
  void run(std::uint64_t epoch);
  bool start() noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  IntrusiveList<Item> waiting_;  // guarded by mutex_, like all below
  std::uint64_t epoch_ = 0;      // a thread ends when this is no longer the epoch it was started in
  bool started_ = false;
  bool busy_ = false;
  bool closed_ = false;
  ThreadSet thread_;
};

}  // namespace tidegate::internal
