// SPDX-License-Identifier: Apache-2.0
//
// Flight: one load for all who want the same key: from the tier where the cache has one, else from
// its loader. It lands with one outcome, error or value, for everyone who waits. It belongs to the
// cache and not to whoever opened it: callers come and go, each with its own deadline, and the flight
// ends by its own, the load timeout.
//
// Flights live on the loop, so that "is there one already?" needs no lock.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/root.hpp"
#include "cache/load.hpp"
#include "tidegate/answer.hpp"

namespace tidegate::internal {

class Flight final : public RefCounted, public Root {
 public:
  Flight(std::shared_ptr<CacheCore> core, std::string key, std::shared_ptr<CacheLoader> loader,
         const EntryOptions& entry, Duration max_age);
  void take_off();

  const std::string& key() const noexcept { return key_; }
  TimePoint begun() const noexcept { return begun_; }
  const Fence& fence() const noexcept { return load_->fence(); }

  // Parks a flow until this flight has landed (true), or `until`, or the flow's scope is cancelled.
  class Landing;
  Landing landing(Deadline until) noexcept;

  // After it has landed:
  bool landed() const noexcept { return landed_; }
  const Status& status() const noexcept { return status_; }
  // The same for those who ask while it is recent.
  Status remembered() const noexcept { return status_.with_origin(keepsake_); }
  const Ref<CacheValue>& value() const noexcept { return value_; }
  std::uint64_t version() const noexcept { return version_; }
  bool negative() const noexcept { return negative_; }
  // How old the value is, where it was restored from the tier.
  const std::optional<Duration>& age() const noexcept { return age_; }
  // The store has a stale value since it began. At any time.
  bool has_offered() const noexcept { return load_->has_offered(); }

 private:
  ~Flight() override = default;
  Task<void> fly();
  void take(Cause woken);
  void ended(std::exception_ptr error) noexcept override;

  const std::shared_ptr<CacheCore> core_;
  const std::string key_;
  const std::shared_ptr<CacheLoader> loader_;
  const TimePoint begun_;
  const Ref<Load> load_;
  IntrusiveList<Landing> waiting_;
  bool landed_ = false;
  Status status_;
  std::shared_ptr<const void> keepsake_;
  Ref<CacheValue> value_;
  std::uint64_t version_ = 0;
  bool negative_ = false;
  std::optional<Duration> age_;
};

class Flight::Landing final : public Leaf, public internal::ListNode<Landing>, private Timer {
 public:
  Landing(Flight& flight, Deadline until) noexcept
      : flight_(Ref<Flight>::share(&flight)), until_(until) {}
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
  bool await_ready() const noexcept { return flight_->landed_; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
    return wait(waiter.promise().scope(), waiter);
  }
  bool await_resume() const noexcept { return flight_->landed_; }

 private:
  friend class Flight;
  bool wait(Scope& scope, std::coroutine_handle<> waiter) noexcept;
  void flight_landed() noexcept;
  void fired() noexcept override;
  void on_cancel() noexcept override;

  const Ref<Flight> flight_;
  const Deadline until_;
};

inline Flight::Landing Flight::landing(Deadline until) noexcept { return Landing(*this, until); }

}  // namespace tidegate::internal
