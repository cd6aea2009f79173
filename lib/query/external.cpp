// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "query/lane_ref.hpp"
#include "tidegate/query.hpp"

namespace tidegate {

namespace {

// Work that only carries its caller's tag; what it means is run outside.
class TagWork final : public internal::TypedWork<std::uint64_t> {
 public:
  explicit TagWork(std::uint64_t tag) : tag_(tag) { value_ = tag; }
  Status run(internal::Session*, const StopSignal&) override { return Status(); }
  std::uint64_t tag() const noexcept { return tag_; }

 private:
  const std::uint64_t tag_;
};

}  // namespace

Operation<Answer<std::uint64_t>> External::submit(std::uint64_t tag, Options options,
                                                  bool* start_one) const {
  const auto& bound = lane_->bind();
  internal::Submission submission{lane_, std::make_unique<TagWork>(tag), std::move(options.label),
                                  options.deadline, options.timeout};
  Operation<Answer<std::uint64_t>> operation(
      bound.scheduler->submit(bound.lane, std::move(submission)));
  *start_one = bound.scheduler->claim_thread(bound.lane);
  return operation;
}

External::Worker External::enter() const {
  const auto& bound = lane_->bind();
  return Worker(lane_, bound.scheduler->enter(bound.lane));
}

void External::not_started() const {
  const auto& bound = lane_->bind();
  bound.scheduler->not_started(bound.lane);
}

LaneStats External::stats() const {
  const auto& bound = lane_->bind();
  return bound.scheduler->stats(bound.lane);
}

External::Worker::Worker(std::shared_ptr<internal::LaneRef> lane, std::uint64_t epoch) noexcept
    : lane_(std::move(lane)), epoch_(epoch) {}

External::Worker::~Worker() {
  if (!lane_) return;
  const auto& bound = lane_->bind();
  bound.scheduler->leave(bound.lane);
}

std::optional<External::Task> External::Worker::pull() {
  const auto& bound = lane_->bind();
  internal::Job* job = bound.scheduler->take(bound.lane, epoch_);
  if (!job) return std::nullopt;
  return Task{.tag = static_cast<const TagWork&>(*job->work).tag(),
              .spare_wanted = bound.scheduler->claim_spare(bound.lane),
              .operation = internal::OperationRef::share(job)};
}

bool External::Worker::finish(const Task& task, const Status& outcome) {
  return lane_->bind().scheduler->finish(static_cast<internal::Job&>(*task.operation.get()),
                                         outcome);
}

}  // namespace tidegate
