// SPDX-License-Identifier: Apache-2.0
//
// KeyLine: those that wait for one key of a KeyedLimiter. It is there while somebody waits, and its
// entry as long; keys that share an entry stand in one line. Each key has a line of its own, so that
// none holds up another.
//
// Thread-safety: what Acquire calls locks the shard; the rest wants it locked.
#pragma once

#include <memory>

#include "gate/key_shard.hpp"
#include "gate/turns.hpp"

namespace tidegate::internal {

class KeyedCore;

class KeyLine final : public Turns {
 public:
  KeyLine(std::shared_ptr<KeyedCore> core, KeyShard& shard) noexcept
      : core_(std::move(core)), shard_(shard) {}

  // One more waits, for so many permits; the first says for which entry.
  void join(KeyEntry& entry, std::uint32_t weight) noexcept;

  std::size_t waiting() const noexcept { return waiting_; }
  std::uint64_t ahead() const noexcept { return ahead_; }  // permits that are not booked

 private:
  Booking book(TimePoint now, std::uint32_t weight, Duration most_wait) noexcept override;
  void cancel(const Booking& booking, TimePoint now) noexcept override;
  bool is_held(TimePoint now) const noexcept override;
  bool started(const Booking& booking, TimePoint now) noexcept override;
  Duration wait(TimePoint now, std::uint32_t weight) const noexcept override;
  void ahead_no_more(std::uint32_t weight) noexcept override;
  void left() noexcept override;

  const std::shared_ptr<KeyedCore> core_;
  KeyShard& shard_;  // of the core
  KeyEntry* entry_ = nullptr;
  std::size_t waiting_ = 0;
  std::uint64_t ahead_ = 0;
};

}  // namespace tidegate::internal
