// SPDX-License-Identifier: Apache-2.0
//
// Membership: what one process knows of the namespace that it shares with others: its epoch, and
// whether it hears what they say. It is ready while it listens and knows the epoch; before, and
// again after it was deaf, it is not.
//
// The epoch is read anew whenever it may have grown: when somebody says so, and when the process
// listens again. One that has become smaller is that of a server that lost what it knew (a replica
// took over, a snapshot was restored): it is raised, because what stands there under the smaller one
// was forgotten once. One that is not there, because Redis evicted it or came back empty, begins anew
// with a number that never was (base/ports/kv.hpp), and the others are told, so that all have the same
// again. What a process holds is stale then, as after it was deaf.
//
// On the loop, but for is_ready().
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ports/kv.hpp"
#include "base/ports/loop.hpp"
#include "cache/invalidation.hpp"
#include "cache/waiters.hpp"

namespace tidegate::internal {

// What is told to whoever is a member. On the loop, outside any flow or within one of the
// membership's own.
class Member {
 public:
  virtual void heard(const Invalidation& message) noexcept = 0;
  virtual void listens() noexcept = 0;          // from now on; it may have missed some before
  virtual void lost_touch() noexcept = 0;       // not ready any more
  virtual void could_not_learn() noexcept = 0;  // look_again() is to be called in a while
  virtual void epoch_changed() noexcept = 0;    // and nobody said so: all is void
  virtual void epoch_lost() noexcept = 0;       // it has begun anew: all may be void
  virtual void epoch_known() noexcept = 0;
  virtual std::shared_ptr<const void> keep() = 0;  // what lives as long as its flows

 protected:
  ~Member() = default;
};

class Membership final : private KvListener {
 public:
  Membership(std::shared_ptr<Kv> kv, const std::string& cache_namespace, std::uint64_t sender,
             Loop& loop, Member& member);
  ~Membership() = default;

  // Joins, and where it was deaf meanwhile, asks again: a store that rested begins with a verb.
  void join();
  void leave() noexcept;

  bool listens() const noexcept { return listens_; }
  // Any thread.
  bool is_ready() const noexcept { return ready_.load(std::memory_order_relaxed) && kv_->up(); }
  const std::optional<std::int64_t>& epoch() const noexcept { return epoch_; }

  // Asks for the epoch, and raises it, which `message` tells the others. The membership goes on with
  // what it knew: look_again() is to follow where that is another one.
  Task<Result<std::int64_t>> ask();
  Task<Result<std::int64_t>> raise(Invalidation message);

  // True when it is ready; waits for it where it soon may be.
  Task<bool> readiness();
  // The epoch may have grown; whether what it makes void has been forgotten here.
  void look_again(bool is_forgotten) noexcept;

 private:
  enum class State : std::uint8_t { kLearning, kReady, kLost };

  Task<void> learn();
  KvNumber told_by(const Invalidation& message) const;
  void saw(const Result<std::int64_t>& number) noexcept;
  void adopt(std::int64_t epoch) noexcept;
  void set_state(State state) noexcept;
  void start_learning() noexcept;

  void heard(std::string_view message) noexcept override;
  void listening() noexcept override;
  void deaf() noexcept override;

  const std::shared_ptr<Kv> kv_;
  const std::string channel_;
  const std::string epoch_name_;
  const std::uint64_t sender_;
  Loop& loop_;
  Member& member_;
  std::atomic<bool> ready_{false};
  State state_ = State::kLearning;
  bool joined_ = false;
  bool listens_ = false;
  bool learns_ = false;
  bool is_forgotten_ = false;
  bool was_deaf_ = false;  // since it last began to learn
  std::uint64_t asked_ = 0;
  std::optional<std::int64_t> epoch_;  // none while it may have grown
  std::optional<std::int64_t> last_;   // what it was; none where that was lost
  std::int64_t seen_ = 0;              // the largest of all
  Waiters waiting_;
};

}  // namespace tidegate::internal
