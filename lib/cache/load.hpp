// SPDX-License-Identifier: Apache-2.0
//
// Load: one value on its way into the cache. The flight that wants it waits on the loop; the code
// that makes it runs somewhere else, and holds a LoadTicket to bring it back.
//
// The first of succeed() and fail() counts. A value goes into the store before the flight learns of
// it, so that whoever asks next finds it there, and through the store's fence, so that one that was
// invalidated meanwhile does not come back. A load that is given up (its deadline has passed) is
// told to stop; a value that it brings all the same is stored in the same way, and answers nobody.
//
// Where the cache has a tier (tier.hpp), the load comes with what that had of the key. Reading the
// bytes is the loader's: code of the user's runs on no loop. It restores the value, or offers a stale
// one and loads. What it then brings in bytes too is written to the tier when it is home.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/ports/loop.hpp"
#include "base/task.hpp"
#include "cache/entry_options.hpp"
#include "cache/store.hpp"
#include "tidegate/load.hpp"
#include "tidegate/ref.hpp"

namespace tidegate::internal {

class CacheCore;

// What a load brings, and what it says about it.
struct Loaded {
  Ref<CacheValue> value;
  std::size_t weight = 0;             // bytes, for max_bytes
  std::optional<Duration> ttl;        // instead of the cache's
  std::optional<Duration> stale_for;  // instead of the cache's
  bool negative = false;              // "there is none", with a ttl of its own
  bool uncached = false;              // answers those who wait, and is not kept
  Status fallback_for;                // not OK: the load failed with it, and this is the next best
  std::optional<Encoded> encoded;     // the same in bytes, for the tier
  std::optional<Duration> age;        // it was restored: how old it is
};

// What the tier had of a key.
struct FoundInTier {
  std::string bytes;
  StoredValue value;  // points into them
  TimePoint at;
};

class Load final : public RefCounted, private Message {
 public:
  // What the tier has counts where it is younger than `max_age`.
  Load(std::shared_ptr<CacheCore> core, Loop& loop, std::string key, Deadline deadline,
       const EntryOptions& entry, Duration max_age);

  const std::string& key() const noexcept { return key_; }
  std::uint64_t hash() const noexcept { return hash_; }
  Deadline deadline() const noexcept { return deadline_; }
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }
  const EntryOptions& entry() const noexcept { return entry_; }
  const Fence& fence() const noexcept { return fence_; }
  Duration max_age() const noexcept { return max_age_; }
  // Whether others share what it brings: then its bytes are wanted.
  bool is_shared() const noexcept;
  // What the tier had; null where that is nothing.
  const StoredValue* stored() const noexcept { return found_ ? &found_->value : nullptr; }

  // Any thread; the first call counts.
  void succeed(Loaded loaded) noexcept;
  void fail(Status status, std::shared_ptr<const void> keepsake = nullptr) noexcept;
  // The stored value, decoded. True where it is fresh and has ended the load. Else it serves where
  // the load fails or takes too long.
  bool restore(Ref<CacheValue> value, std::size_t weight) noexcept;
  // The stored bytes are none that the loader can read.
  void could_not_read() noexcept;

  // The flight's side, on the loop. wait() parks the flight until the load has ended or its scope
  // has. Where the status is not OK, the value is a fallback, or null.
  class Wait;
  Wait wait() noexcept;
  void stop() noexcept {
    stopped_.store(true, std::memory_order_relaxed);
    if (is_home_) let_go();
  }
  // Both leave nothing behind: a loader may hold the load for as long as it likes, and what a binding
  // attached to a status may hold the loader.
  Status take_status() noexcept { return std::exchange(status_, Status()); }
  Ref<CacheValue> take_value() noexcept { return std::move(value_); }
  // The origin of the status for those who ask later: that of those who wait may keep anything alive.
  const std::shared_ptr<const void>& keepsake() const noexcept { return keepsake_; }
  std::uint64_t version() const noexcept { return version_; }
  bool negative() const noexcept { return negative_; }
  const std::optional<Duration>& age() const noexcept { return age_; }
  bool has_offered() const noexcept { return has_offered_.load(std::memory_order_acquire); }

  // The tier's side, on the loop, before the loader starts.
  void found(std::unique_ptr<const FoundInTier> what) noexcept { found_ = std::move(what); }
  void saw_guard(std::string guard) noexcept { guard_seen_ = std::move(guard); }
  const std::optional<std::string>& guard_seen() const noexcept { return guard_seen_; }

  // The flight's, where there is a tier: waits until the loader may start, and counts in the line
  // until the load is home. What can be restored need not wait.
  Task<void> line_up();
  void leave_line() noexcept;

 private:
  friend class Wait;
  ~Load() override;
  void run() noexcept override;  // home again, on the loop
  void send_home() noexcept;
  void let_go() noexcept;
  void offer_stale(Ref<CacheValue> value, std::size_t weight, Duration since) noexcept;
  void seal_for_tier(const Loaded& loaded) noexcept;

  const std::shared_ptr<CacheCore> core_;
  Loop& loop_;
  const std::string key_;
  const std::uint64_t hash_;
  const Deadline deadline_;
  const EntryOptions entry_;
  const Duration max_age_;
  Fence fence_;
  std::atomic<bool> ended_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> has_offered_{false};

  // Written by the tier, before the loader starts.
  std::unique_ptr<const FoundInTier> found_;
  std::optional<std::string> guard_seen_;
  bool is_in_line_ = false;

  // Written by whoever ended the load, before it is sent home.
  Status status_;
  std::shared_ptr<const void> keepsake_;
  Ref<CacheValue> value_;
  std::uint64_t version_ = 0;
  bool negative_ = false;
  std::optional<Duration> age_;
  std::string sealed_;
  Duration life_{};

  // The loop's.
  Wait* waiting_ = nullptr;
  bool is_home_ = false;
};

class Load::Wait final : public Leaf {
 public:
  explicit Wait(Load& load) noexcept : load_(load) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  bool await_ready() const noexcept { return load_.is_home_; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> flight) noexcept {
    Scope& scope = flight.promise().scope();
    refuse(scope.reason());
    if (!scope.ok()) return false;
    park(scope, flight);
    load_.waiting_ = this;
    return true;
  }
  Cause await_resume() const noexcept { return outcome(); }

 private:
  friend class Load;
  void on_cancel() noexcept override { load_.waiting_ = nullptr; }
  Load& load_;
};

inline Load::Wait Load::wait() noexcept { return Wait(*this); }

// The right to end a load. Dropped without a word, it fails the load: nobody waits for ever.
class LoadTicket {
 public:
  explicit LoadTicket(Ref<Load> load) noexcept : load_(std::move(load)) {}
  LoadTicket(LoadTicket&&) noexcept = default;
  LoadTicket& operator=(LoadTicket&&) = delete;
  ~LoadTicket() {
    if (load_) load_->fail(Status(Cause::kCancelled, "the loader went away without an answer"));
  }

  const Load& load() const noexcept { return *load_; }
  void succeed(Loaded loaded) noexcept { load_->succeed(std::move(loaded)); }
  void fail(Status status, std::shared_ptr<const void> keepsake = nullptr) noexcept {
    load_->fail(std::move(status), std::move(keepsake));
  }
  bool restore(Ref<CacheValue> value, std::size_t weight) noexcept {
    return load_->restore(std::move(value), weight);
  }
  void could_not_read() noexcept { load_->could_not_read(); }

 private:
  Ref<Load> load_;
};

// Where values come from. start() is called on the loop: it hands over and returns.
class CacheLoader {
 public:
  virtual ~CacheLoader() = default;
  virtual void start(LoadTicket ticket) noexcept = 0;
};

}  // namespace tidegate::internal
