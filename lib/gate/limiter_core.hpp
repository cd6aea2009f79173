// SPDX-License-Identifier: Apache-2.0
//
// LimiterCore: a limiter in one process: its word, and the line of those that wait. Only the head of
// the line books, so that at most one booked start has not begun, and one that is given up is given
// back whole. While somebody waits, nobody else in the process books.
//
// Processes that share the word take turns: each has booked one start ahead at most.
//
// Where the limits are shared over a network, Redis, starts are booked there (gate/remote_starts.hpp),
// and its own words are what it goes on with while that cannot be asked. Then nothing is decided
// without a question: reserve() and take() are not for it, but ask(), which waits for the answer.
//
// Thread-safety: any thread, but for what Acquire does on the loop (gate/turns.hpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>

#include "base/ports/loop.hpp"
#include "gate/limiter_metrics.hpp"
#include "gate/limiter_word.hpp"
#include "gate/remote_starts.hpp"
#include "gate/turns.hpp"
#include "tidegate/operation.hpp"

namespace tidegate::internal {

class LimiterCore final : public Turns {
 public:
  // With a word of its own, or one that it shares and that outlives it.
  LimiterCore(Loop& loop, const policy::Limiter& limiter, const std::string& name,
              std::size_t most_waiting, LimiterWords* shared = nullptr)
      : metrics_(name),
        word_(limiter, metrics_, shared),
        loop_(loop),
        most_waiting_(most_waiting) {}
  // Of those that share over a network; `limiter` is its own part.
  LimiterCore(Loop& loop, const policy::Limiter& limiter, const std::string& name,
              std::size_t most_waiting, RemoteSetup remote)
      : LimiterCore(loop, limiter, name, most_waiting) {
    remote_ = std::make_shared<RemoteStarts>(loop, name, std::move(remote), metrics_.lost, word_);
  }

  // Books a start at most `most_wait` from now, unless somebody waits: then refused with the least
  // time that it could take.
  Booking reserve(TimePoint now, std::uint32_t weight, Duration most_wait) noexcept;
  // The same of a start now, as LimiterWord has it.
  Duration take(TimePoint now, std::uint32_t weight) noexcept {
    const Duration wait = waiting() == 0 ? word_.take(now, weight) : behind_others(now, weight);
    (wait == Duration::zero() ? metrics_.granted : metrics_.refused).add();
    return wait;
  }
  void cancel(const Booking& booking, TimePoint now) noexcept override;

  bool is_remote() const noexcept { return remote_ != nullptr; }
  // REQUIRES of all: is_remote(). As reserve(), in two steps: a question, which ends soon whatever
  // comes, and the answer to it once it has ended. Not to be waited for on the loop's thread.
  struct Asked {
    RemoteBooking without;  // where nobody was asked
    std::optional<Operation<RemoteBooking>> question{};
  };
  Asked ask(TimePoint now, std::uint32_t weight, Duration most_wait);
  RemoteBooking booked(const Asked& asked);
  void cancel(const RemoteBooking& booking) noexcept {
    remote_->cancel(booking, shared_from_this());
  }

  // Whether it may start now; false counts as nothing.
  bool start_now(TimePoint now, std::uint32_t weight) noexcept;

  // Ends when it may start; at once where that is now, or cannot be before `deadline`.
  Operation<Duration> acquire(TimePoint now, std::uint32_t weight, Deadline deadline);
  // Whether a start of this weight can ever come; and what is said where it cannot.
  bool fits(std::uint32_t weight) const noexcept { return weight > 0 && weight <= burst(); }
  Status never(std::uint32_t weight) const;

  // One that has ended, with a start where the outcome is OK.
  Operation<Duration> ended(const Status& outcome);

  void penalize(TimePoint now, TimePoint until) noexcept;

  LimiterStats stats() const noexcept;
  const LimiterMetrics& metrics() const noexcept { return metrics_; }
  std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

 private:
  Booking book(TimePoint now, std::uint32_t weight, Duration most_wait) noexcept override;
  bool is_held(TimePoint now) const noexcept override;
  bool started(const Booking& booking, TimePoint now) noexcept override;
  Duration wait(TimePoint now, std::uint32_t weight) const noexcept override;
  RemoteStarts* remote() const noexcept override { return remote_.get(); }
  void ahead_no_more(std::uint32_t weight) noexcept override;
  void left() noexcept override;

  Duration behind_others(TimePoint now, std::uint32_t weight) noexcept;
  // Behind all that wait; REQUIRES a weight that may be.
  Duration least_wait(TimePoint now, std::uint32_t weight) noexcept;

  std::uint32_t burst() const noexcept {
    return remote_ ? remote_->burst() : word_.limiter().burst();
  }

  LimiterMetrics metrics_;
  LimiterWord word_;
  std::shared_ptr<RemoteStarts> remote_;  // null: nothing is asked for
  std::atomic<std::size_t> waiting_{0};   // acquisitions that have not ended
  std::atomic<std::uint64_t> ahead_{0};   // permits of those that have not booked
  Loop& loop_;
  const std::size_t most_waiting_;
};

}  // namespace tidegate::internal
