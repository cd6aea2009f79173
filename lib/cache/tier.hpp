// SPDX-License-Identifier: Apache-2.0
//
// Tier: the second tier of a cache, which all processes share: a store of bytes (base/ports/kv.hpp)
// behind the memory of the process.
//
//   a load       fetch() asks it first, within `timeout`; what it has is handed to the loader, which
//                can read the bytes. Whatever it has that cannot be used is a miss, counted.
//   a value      store() and put() write behind the answer, past the guard that the load saw
//   forgetting   forget() and forget_everything() void what is there for this process at once, and
//                for the others as soon as it can be told
//
// While it is down, or what the others say is not heard, nothing is asked of it; loads go on, at
// most `loaders_when_down` at a time, the others wait in line. What could not be told is kept and
// told later (outbox.hpp), by a timer that tries again while there is something. When the process
// hears the others again it may have missed some: all that it holds becomes stale.
//
// Made by share(), which hands it to its cache; it dies on the loop, after its cache.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/ports/clock.hpp"
#include "base/ports/kv.hpp"
#include "base/ports/loop.hpp"
#include "cache/courier.hpp"
#include "cache/envelope.hpp"
#include "cache/load.hpp"
#include "cache/load_line.hpp"
#include "cache/membership.hpp"
#include "cache/outbox.hpp"
#include "cache/tier_metrics.hpp"

namespace tidegate::internal {

struct TierSettings {
  Duration timeout = std::chrono::milliseconds(50);  // of a fetch
  std::size_t loaders_when_down = 4;
  std::size_t max_value = kMaxEnvelope;
  Outbox::Limits outbox{};
  std::uint64_t sender = 0;  // 0: drawn
};

class Tier final : public std::enable_shared_from_this<Tier>, private Member {
 public:
  Tier(const std::shared_ptr<CacheCore>& core, const std::shared_ptr<Kv>& kv,
       const TierSettings& settings);
  ~Tier() = default;

  // On the loop. fetch() ends within `timeout`; what was found is the load's.
  Task<void> fetch(Load* load);
  LoadLine& line() noexcept { return line_; }
  void store(const Load& load, std::string value, Duration life) noexcept;

  // Any thread. What is forgotten is void from then on.
  void put(std::string_view key, std::string value, Duration life);
  void forget(std::string_view key, bool keeps_stale);
  void forget_everything(bool keeps_stale);
  bool is_ready() const noexcept { return membership_.is_ready(); }
  std::size_t max_value() const noexcept { return settings_.max_value; }
  TierMetrics& metrics() noexcept { return metrics_; }
  void count(CacheStats& stats) const noexcept;
  // The cache goes; the tier ends with what is on its way.
  static void retire(std::shared_ptr<Tier> tier) noexcept;

 private:
  struct Bell final : Message {
    explicit Bell(Tier& tier) noexcept : owner(tier) {}
    void run() noexcept override;
    Tier& owner;
    std::shared_ptr<Tier> keep;  // while it is on its way
  };

  Task<void> look(Load* load);
  void take(Load* load, KvFound found);
  void ring() noexcept;

  void heard(const Invalidation& message) noexcept override;
  void listens() noexcept override;
  void lost_touch() noexcept override;
  void could_not_learn() noexcept override { courier_.try_later(); }
  void epoch_changed() noexcept override;
  void epoch_lost() noexcept override;
  void epoch_known() noexcept override;
  std::shared_ptr<const void> keep() override { return shared_from_this(); }

  const std::weak_ptr<CacheCore> core_;
  const std::shared_ptr<Kv> kv_;
  const TierSettings settings_;
  const std::string name_;
  Loop& loop_;
  const Clock& clock_;
  TierMetrics metrics_;
  const std::uint64_t sender_;
  Outbox outbox_;
  Membership membership_;
  Courier courier_;
  LoadLine line_;
  bool has_listened_ = false;
  std::atomic<bool> may_miss_{false};  // what it holds may have been forgotten by others, unheard
  std::atomic<bool> is_rung_{false};
  Bell bell_{*this};
  Bell farewell_{*this};
};

// Gives the cache its second tier; before its first use.
void share(const std::shared_ptr<CacheCore>& core, const std::shared_ptr<Kv>& kv,
           const TierSettings& settings);

}  // namespace tidegate::internal
