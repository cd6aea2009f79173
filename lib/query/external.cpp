// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "query/lane_ref.hpp"
#include "tidegate/query.hpp"

namespace tidegate {

namespace {

// Work that only carries its caller's tag; what it means is run outside.
class TagWork final : public internal::TypedWork<std::uint64_t> {
 public:
  TagWork(std::uint64_t tag, std::shared_ptr<void> attached)
      : tag_(tag), attached_(std::move(attached)) {
    value_ = tag;
  }
  Status run(internal::Session*, const StopSignal&) override { return Status(); }
  External::Task task(internal::Job& job) noexcept {
    return {.tag = tag_,
            .attached = std::move(attached_),
            .operation = internal::OperationRef::share(&job)};
  }

 private:
  const std::uint64_t tag_;
  std::shared_ptr<void> attached_;
};

}  // namespace

Operation<Answer<std::uint64_t>> External::submit(std::uint64_t tag, Options options,
                                                  bool* start_one) const {
  const auto& bound = lane_->bind();
  internal::Submission submission{lane_,
                                  std::make_unique<TagWork>(tag, std::move(options.attached)),
                                  std::move(options.label), options.deadline, options.timeout};
  Operation<Answer<std::uint64_t>> operation(
      bound.scheduler->submit(bound.lane, std::move(submission)));
  if (start_one) *start_one = bound.scheduler->claim_thread(bound.lane);
  return operation;
}

External::Worker External::enter() const {
  const auto& bound = lane_->bind();
  return Worker(lane_, *bound.scheduler, bound.scheduler->enter(bound.lane));
}

void External::not_started() const {
  const auto& bound = lane_->bind();
  bound.scheduler->not_started(bound.lane);
}

LaneStats External::stats() const {
  const auto& bound = lane_->bind();
  return bound.scheduler->stats(bound.lane);
}

External::Worker::Worker(std::shared_ptr<internal::LaneRef> lane, internal::Scheduler& scheduler,
                         std::uint64_t epoch) noexcept
    : lane_(std::move(lane)), scheduler_(&scheduler), epoch_(epoch) {}

// After a fork the lane has another scheduler, which knows nothing of the parent's threads.
bool External::Worker::of_this_process() const {
  return lane_->bind().scheduler.get() == scheduler_;
}

External::Worker::Worker(Worker&& other) noexcept
    : lane_(std::move(other.lane_)),
      scheduler_(other.scheduler_),
      epoch_(other.epoch_),
      has_left_(std::exchange(other.has_left_, true)) {}

External::Worker::~Worker() {
  if (!has_left_ && of_this_process()) scheduler_->leave(lane_->bind().lane, epoch_);
}

std::optional<External::Task> External::Worker::pull() {
  if (has_left_ || !of_this_process()) return std::nullopt;
  internal::Lane& lane = lane_->bind().lane;
  internal::Job* job = scheduler_->take(lane, epoch_);
  has_left_ = !job;
  if (!job) return std::nullopt;
  Task task = static_cast<TagWork&>(*job->work).task(*job);
  task.spare_wanted = scheduler_->claim_spare(lane);
  return task;
}

std::optional<External::Task> External::Worker::try_pull() {
  if (!of_this_process()) return std::nullopt;
  internal::Job* job = scheduler_->try_take(lane_->bind().lane);
  if (!job) return std::nullopt;
  return static_cast<TagWork&>(*job->work).task(*job);
}

bool External::Worker::finish(const Task& task, const Status& outcome) {
  return finish(task, outcome, {.http_status = 0, .retry_after = {}, .cause = outcome.cause()});
}

bool External::Worker::finish(const Task& task, const Status& outcome, const Lesson& lesson) {
  return of_this_process() &&
         scheduler_->finish(static_cast<internal::Job&>(*task.operation.get()), outcome, lesson);
}

}  // namespace tidegate
