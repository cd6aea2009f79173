// SPDX-License-Identifier: Apache-2.0
//
// Page: many calls under one deadline, as a page that asks twenty things has them. None of them
// outlives the page's deadline, none waits for another, and none fails the page: each ends with its
// own answer.
//
//   tidegate::Page page(18s);
//   auto newest = page.add(db.query(newest_sql).timeout(15s).fallback(tidegate::Rows{}));
//   auto cheap = page.add(db.query(cheap_sql).timeout(15s).fallback(tidegate::Rows{}));
//   page.wait();
//   use(newest.wait(), cheap.wait());   // at once: both have ended
//
// Thread-safety: one thread at a time. Cost: a pointer for each call. Destroying a page cancels
// what is still in flight.
#pragma once

#include <cstddef>
#include <vector>

#include "tidegate/deadline.hpp"
#include "tidegate/operation.hpp"

namespace tidegate {

class Page {
 public:
  // The page's deadline counts from here. A page inside a page: give it the outer one's deadline.
  explicit Page(Duration timeout, Deadline outer = Deadline::never())
      : deadline_(outer.earlier(Deadline::after(timeout))) {}
  ~Page() { cancel(); }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  Deadline deadline() const noexcept { return deadline_; }

  // Starts a call (anything with deadline() and start(), such as Query) within the page.
  template <class CallT>
  auto add(CallT call) {
    auto operation = call.deadline(deadline_).start();
    operations_.push_back(operation.state());
    return operation;
  }

  // Blocks until every call has ended, which the deadline bounds.
  void wait() const {
    for (const auto& operation : operations_) operation->wait_until(Deadline::never());
  }

  // Asks every call to stop.
  void cancel() const noexcept {
    for (const auto& operation : operations_) operation->cancel();
  }

  // How many have ended.
  std::size_t done() const noexcept {
    std::size_t ended = 0;
    for (const auto& operation : operations_) ended += operation->done() ? 1 : 0;
    return ended;
  }
  std::size_t size() const noexcept { return operations_.size(); }

 private:
  Deadline deadline_;
  std::vector<internal::OperationRef> operations_;
};

}  // namespace tidegate
