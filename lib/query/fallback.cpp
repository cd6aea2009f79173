// SPDX-License-Identifier: Apache-2.0
//
// A call with a fallback that must be computed: two operations behind one handle. The second, on a
// lane of its own, starts when the first has failed, and the handle shows the result of whichever
// came last; nothing is copied.
#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

#include "query/lane_ref.hpp"
#include "tidegate/work.hpp"

namespace tidegate::internal {

namespace {

constexpr Duration kMostReserve = std::chrono::milliseconds(500);

class FallbackOperation final : public OperationState {
 public:
  FallbackOperation(std::unique_ptr<SecondWork> second, Submission plan)
      : work_(std::move(second)), plan_(std::move(plan)) {}

  void start(Submission first) {
    first_ = submit(std::move(first));
    first_watch_.over(first_);
  }

  void cancel() noexcept override {
    if (!alive()) return;
    cancelled_.store(true);
    first_->cancel();
    if (OperationState* second = second_.load()) second->cancel();
  }

  const void* result() const noexcept override { return chosen_->result(); }

 private:
  using Member = void (FallbackOperation::*)(OperationState&);

  ~FallbackOperation() override {
    if (OperationState* second = second_.load(std::memory_order_relaxed)) second->unref();
  }

  // Calls `member` once an operation has ended; keeps its owner alive until then.
  struct Watch final : Consumer {
    Watch(FallbackOperation& whom, Member what) noexcept : owner(whom), member(what) {}
    void over(const OperationRef& operation) noexcept {
      owner.ref();
      operation->add_consumer(this);
    }
    void completed(OperationState& ended) noexcept override {
      const OperationRef held = OperationRef::adopt(&owner);
      (owner.*member)(ended);
    }
    FallbackOperation& owner;
    const Member member;
  };

  void first_ended(OperationState& first) {
    const Status& reason = static_cast<Job&>(first).outcome;
    const bool hopeless = reason.cause() == Cause::kCancelled || reason.cause() == Cause::kClosed;
    if (reason.ok() || hopeless || cancelled_.load()) return end(first);
    OperationRef second;
    try {
      work_->set_reason(reason);
      plan_.work = std::move(work_);
      second = submit(std::move(plan_));
    } catch (const std::bad_alloc&) {
      return end(first);
    }
    second->ref();
    second_.store(second.get());
    if (cancelled_.load()) second->cancel();
    second_watch_.over(second);
  }

  void end(OperationState& last) {
    if (!claim()) return;
    chosen_ = OperationRef::share(&last);
    publish();
  }

  std::unique_ptr<SecondWork> work_;
  Submission plan_;
  Watch first_watch_{*this, &FallbackOperation::first_ended};
  Watch second_watch_{*this, &FallbackOperation::end};
  OperationRef first_;
  // A cancel sets the one and reads the other, the first's end does it the other way round: in one
  // order for all, so that one of them sees both.
  std::atomic<OperationState*> second_{nullptr};
  std::atomic<bool> cancelled_{false};
  OperationRef chosen_;
};

}  // namespace

OperationRef submit_with_fallback(Submission first, std::unique_ptr<SecondWork> second) {
  ExecutorHome& home = *first.lane->home;
  const TimePoint now = Deadline::now();
  const Duration timeout = first.timeout.value_or(home.options().query_timeout);
  const Deadline whole = first.deadline.earlier(Deadline::after(timeout, now));
  const Duration reserve = std::min(whole.left(now) / 10, kMostReserve);

  Submission plan{
      first.lane->home->fallback_lane(), nullptr, first.label + " (fallback)", whole, {}};
  first.deadline = Deadline::at(whole.time() - reserve);
  auto* operation = new FallbackOperation(std::move(second), std::move(plan));
  OperationRef handle = OperationRef::adopt(operation);
  operation->start(std::move(first));
  return handle;
}

}  // namespace tidegate::internal
