// SPDX-License-Identifier: Apache-2.0
//
// RemoteBreaker: what ties a breaker that counts for itself to all others of its name that do, through
// a store that is reached over a network (gate/remote_openings.hpp): where one opens or closes, all do.
//
//   auto remote = std::make_shared<RemoteBreaker>(loop, name, openings, seed);
//   remote->attach(std::shared_ptr<SharedBreaker>(owner, &breaker));
//
//   * A change is told when it comes, and again with the next question where the store did not answer.
//     What is told is what the breaker is by then: of several changes the last.
//   * What others have come to is asked for while calls come, at most once each kPause, and never waited
//     for: the first call after a pause posts the question. Without calls nothing is asked.
//   * Who is told that it is open has it open until then, and up to a tenth of that longer: who has
//     opened it is the first to try it, and all others do not come back together.
//   * Who tries a half-open one says so. Whoever hears it in time waits with its own probes until those
//     have had their time. So each process lets in its probes at most, and mostly one does.
//   * Orders are told as changes are, and hold for all.
//   * While the store does not answer it goes on by itself.
//
// What it learns it writes into the breaker's words, as another process of a host would: on the loop's
// thread, where the listener is then called. It uses nothing of a breaker whose owner is gone.
//
// Thread-safety: looked() and metrics(), any thread; else the loop's. Cost: a breaker's fast paths know
// nothing of it; one call in kPause posts a message.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/ports/loop.hpp"
#include "base/ports/rng.hpp"
#include "base/task.hpp"
#include "gate/remote_breaker_metrics.hpp"
#include "gate/remote_openings.hpp"
#include "gate/shared_breaker.hpp"

namespace tidegate::internal {

class RemoteBreaker final : public std::enable_shared_from_this<RemoteBreaker>,
                            private Message,
                            private Timer {
 public:
  static constexpr Duration kPause = std::chrono::milliseconds(250);

  // `seed`: of ids and of the times that are drawn.
  RemoteBreaker(Loop& loop, const std::string& name, std::shared_ptr<RemoteOpenings> openings,
                std::uint64_t seed);

  // Once, before anybody uses the breaker. Its next call asks.
  void attach(const std::shared_ptr<SharedBreaker>& breaker);
  const RemoteBreakerMetrics& metrics() const noexcept { return metrics_; }

  // Somebody has looked who had to.
  void looked() noexcept;

 private:
  using Answer = RemoteOpenings::Answer;

  void run() noexcept override;
  void fired() noexcept override;
  void consider() noexcept;
  static Task<void> exchange(std::shared_ptr<RemoteBreaker> self, std::uint64_t word);
  std::optional<RemoteOpenings::News> news_of(const SharedBreaker& breaker, std::uint64_t word);
  void learn(std::uint64_t word, const Answer& answer) noexcept;
  void rest() noexcept;

  Loop& loop_;
  const std::shared_ptr<RemoteOpenings> openings_;
  RemoteBreakerMetrics metrics_;
  Rng rng_;
  std::weak_ptr<SharedBreaker> breaker_;
  const std::uint64_t process_;  // the fork generation

  std::atomic<bool> is_posted_{false};
  std::shared_ptr<RemoteBreaker> posted_;   // while the message is under way
  std::shared_ptr<RemoteBreaker> resting_;  // while the timer is armed

  // Invariants. agreed_ is the breaker's word when it was last what is kept at the store, under the id
  // known_; where its generation is another one by now there are news. offered_ is the id of the news of
  // the generation in offered_word_, which may be kept already.
  bool is_asking_ = false;
  bool has_failed_ = false;  // the last question
  std::uint64_t asked_ = 0;  // its word then
  std::uint64_t agreed_ = 0;
  std::string known_;
  std::uint64_t offered_word_ = 0;
  std::string offered_;
};

}  // namespace tidegate::internal
