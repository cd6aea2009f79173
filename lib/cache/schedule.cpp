// SPDX-License-Identifier: Apache-2.0
#include "cache/schedule.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace tidegate::internal {

namespace {
constexpr Duration kShortest = std::chrono::milliseconds(1);
}

Schedule::Schedule(std::shared_ptr<CacheCore> core, std::string key,
                   std::shared_ptr<CacheLoader> loader, const EntryOptions& entry, Duration period,
                   std::uint64_t seed)
    : core_(std::move(core)),
      key_(std::move(key)),
      loader_(std::move(loader)),
      entry_(entry),
      period_(std::max(period, kShortest)),
      rng_(seed) {}

void Schedule::start(const std::shared_ptr<Schedule>& schedule) noexcept {
  Schedule& starting = *schedule;
  starting.begin_.keep = schedule;
  if (!starting.core_->loop().post(starting.begin_)) starting.begin_.keep.reset();
}

// Behind begin_, because the inbox is a queue. Where the loop is closed, no timer fires any more.
void Schedule::stop() noexcept {
  if (generation_ != fork_generation()) return;
  end_.keep = shared_from_this();
  if (!core_->loop().post(end_)) end_.keep.reset();
}

void Schedule::Order::run() noexcept {
  const std::shared_ptr<Schedule> until_the_end = std::move(keep);
  if (this == &owner.begin_) {
    owner.keep_ = until_the_end;
    return owner.fired();
  }
  owner.core_->loop().disarm(owner);
  owner.keep_.reset();
}

void Schedule::fired() noexcept {
  core_->metrics().scheduled.add();
  try {
    load();
  } catch (const std::bad_alloc&) {
    core_->metrics().failed.add();
  }
  const Duration pause = rng_.between(period_ - period_ / 10, period_ + period_ / 10);
  core_->loop().arm(*this, Deadline::after(pause, core_->loop().now()).time());
}

void Schedule::load() {
  if (core_->flight_of(key_)) return;
  core_->open_flight(key_, loader_, entry_, period_ / 2);
}

}  // namespace tidegate::internal
