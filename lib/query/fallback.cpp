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

  void start(OperationRef first) {
    first_ = std::move(first);
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
    if (cancelled_.load()) return end(first);
    OperationRef second;
    try {
      if (!work_->is_wanted_after(first.result())) return end(first);
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

Deadline whole_deadline(const LaneRef& lane, Deadline deadline, std::optional<Duration> timeout) {
  return deadline.earlier(
      Deadline::after(timeout.value_or(lane.home->options().query_timeout), Deadline::now()));
}

OperationRef start_with_fallback(const LaneRef& lane, const std::string& label, Deadline whole,
                                 const std::function<OperationRef(Deadline)>& begin,
                                 std::unique_ptr<SecondWork> second) {
  const Duration reserve = std::min(whole.left() / 10, kMostReserve);
  Submission plan{lane.home->fallback_lane(), nullptr, label + " (fallback)", whole, {}};
  auto* operation = new FallbackOperation(std::move(second), std::move(plan));
  OperationRef handle = OperationRef::adopt(operation);
  operation->start(begin(Deadline::at(whole.time() - reserve)));
  return handle;
}

}  // namespace tidegate::internal
