// SPDX-License-Identifier: Apache-2.0
//
// CompletionQueue: the ends of many operations behind one descriptor, for any event loop.
//
//   tidegate::CompletionQueue queue;
//   queue.add(db.query(newest).start(), 1);
//   queue.add(db.query(cheapest).start(), 2);
//   pollfd ready{queue.fd(), POLLIN, 0};
//   while (poll(&ready, 1, -1) > 0) queue.drain([](const auto& done) { use(done.tag); });
//
// The descriptor is readable while completions wait; it is written once for a whole batch, not once
// for each. Where the batch was taken while it was being written it may wake once more, for nothing.
//
// Thread-safety: add() from any thread, next() and drain() from one thread at a time.
// Destroying a queue with operations in flight is legal: they go on, and nobody hears of their end
// here. After fork() the child's queue is empty and has a descriptor of its own at the next fd().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tidegate/operation.hpp"

namespace tidegate {

// One operation that has ended.
struct Completion {
  std::uint64_t tag = 0;             // as given to add()
  internal::OperationRef operation;  // to read the result by

  // REQUIRES: T is the type of the operation that was added under this tag.
  template <class T>
  const Result<T>& result() const noexcept {
    return *static_cast<const Result<T>*>(operation->result());
  }
};

class CompletionQueue {
 public:
  CompletionQueue();
  ~CompletionQueue();
  CompletionQueue(CompletionQueue&&) noexcept;
  CompletionQueue& operator=(CompletionQueue&&) noexcept;

  // A descriptor to poll for reading: an eventfd, made at the first call, non-blocking, closed with
  // the queue. It is the queue's: do not read or close it. Fails with kLocalResource where the
  // process has no descriptor left.
  Result<int> open();
  // The same, or -1.
  int fd();

  // Queues the operation's end under `tag`, at once if it has ended already. Throws std::bad_alloc
  // only.
  template <class T>
  void add(const Operation<T>& operation, std::uint64_t tag) {
    add(operation.state(), tag);
  }
  void add(const internal::OperationRef& operation, std::uint64_t tag);

  // Moves up to out.size() completions out, oldest first; how many. Never blocks. The descriptor
  // stays readable while any is left.
  std::size_t next(std::span<Completion> out);

  // Calls `handle(const Completion&)` for what is there now; how many.
  template <class F>
  std::size_t drain(F handle) {
    Completion batch[64];
    std::size_t total = 0;
    for (std::size_t count; (count = next(batch)) != 0; total += count) {
      for (std::size_t i = 0; i < count; ++i) handle(std::as_const(batch[i]));
      if (count < 64) return total + count;
    }
    return total;
  }

  // Completions that wait to be taken.
  std::size_t size() const;

 private:
  class Home;
  std::shared_ptr<Home> home_;
};

}  // namespace tidegate
