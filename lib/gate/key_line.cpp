// SPDX-License-Identifier: Apache-2.0
#include "gate/key_line.hpp"

#include <mutex>

#include "gate/keyed_core.hpp"

namespace tidegate::internal {

void KeyLine::join(KeyEntry& entry, std::uint32_t weight) noexcept {
  entry_ = &entry;
  entry.line = this;
  ++waiting_;
  ahead_ += weight;
}

KeyLine::Booking KeyLine::book(TimePoint now, std::uint32_t weight, Duration most_wait) noexcept {
  const std::lock_guard lock(shard_.mutex);
  return entry_->words.reserve(core_->limiter(), now, weight, most_wait);
}

void KeyLine::cancel(const Booking& booking, TimePoint now) noexcept {
  const std::lock_guard lock(shard_.mutex);
  if (!entry_->words.cancel(core_->limiter(), booking, now)) core_->metrics().lost.add();
}

bool KeyLine::is_held(TimePoint now) const noexcept {
  const std::lock_guard lock(shard_.mutex);
  return entry_->words.is_held(now);
}

bool KeyLine::started(const Booking& booking, TimePoint now) noexcept {
  const std::lock_guard lock(shard_.mutex);
  entry_->words.started(core_->limiter(), booking, now);
  return true;
}

Duration KeyLine::wait(TimePoint now, std::uint32_t weight) const noexcept {
  const std::lock_guard lock(shard_.mutex);
  return entry_->words.wait(core_->limiter(), now, weight, 0);
}

void KeyLine::ahead_no_more(std::uint32_t weight) noexcept {
  const std::lock_guard lock(shard_.mutex);
  ahead_ -= weight;
}

void KeyLine::left() noexcept {
  {
    const std::lock_guard lock(shard_.mutex);
    if (--waiting_ == 0) entry_->line = nullptr;
  }
  core_->left();
}

}  // namespace tidegate::internal
