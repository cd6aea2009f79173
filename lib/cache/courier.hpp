// SPDX-License-Identifier: Apache-2.0
//
// Courier: carries what is in the outbox to the store that all share, a few things at a time. What
// could not be told is tried again later, by a timer, so that a process with something to tell is
// idle between two attempts. On the loop's thread only.
#pragma once

#include <memory>
#include <string>

#include "base/ports/kv.hpp"
#include "base/ports/loop.hpp"
#include "base/ports/rng.hpp"
#include "cache/membership.hpp"
#include "cache/outbox.hpp"

namespace tidegate::internal {

class Courier final : private Timer {
 public:
  Courier(std::shared_ptr<Kv> kv, std::string cache_namespace, std::uint64_t sender,
          Duration guard_life, Loop& loop, Outbox& outbox, Membership& membership, Member& member,
          TierMetrics& metrics)
      : kv_(std::move(kv)),
        namespace_(std::move(cache_namespace)),
        sender_(sender),
        guard_life_(guard_life),
        loop_(loop),
        outbox_(outbox),
        membership_(membership),
        member_(member),
        metrics_(metrics),
        rng_(sender) {}
  ~Courier() = default;

  // There may be something to carry.
  void deliver() noexcept;
  // Parks while what Redis has of the key is void. True where it counts.
  Task<bool> until_told(std::string key);
  // In a while, and longer each time that it does not work.
  void try_later() noexcept;
  // What is on its way ends; nothing more is tried.
  void close() noexcept;

 private:
  static constexpr int kAtOnce = 4;
  class Trip;

  Task<void> carry(std::unique_ptr<Trip> trip);
  Task<bool> tell(const Forgetting* forgetting);
  Task<bool> tell_everything(const Forgetting* forgetting);
  Task<Result<bool>> write(const PendingStore* store);
  void settle(PendingStore store, const Result<bool>& written);
  Invalidation message_of(const Forgetting& forgetting) const;
  void fired() noexcept override;

  const std::shared_ptr<Kv> kv_;
  const std::string namespace_;
  const std::uint64_t sender_;
  const Duration guard_life_;
  Loop& loop_;
  Outbox& outbox_;
  Membership& membership_;
  Member& member_;
  TierMetrics& metrics_;
  Rng rng_;
  bool closed_ = false;
  bool waits_ = false;  // for its timer
  int under_way_ = 0;
  int failures_ = 0;  // in a row
  Waiters told_;
};

}  // namespace tidegate::internal
