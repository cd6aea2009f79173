// SPDX-License-Identifier: Apache-2.0
//
// RemoteStarts::Question: one question of a limiter's starts to their store (gate/remote_starts.hpp), and
// its answer. It outlives who asked: then the next who asks gives back what it was granted, or, where
// nobody asks, it does. On the loop's thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/bell.hpp"
#include "gate/limiter_word.hpp"
#include "gate/remote_limits.hpp"
#include "gate/remote_starts.hpp"

namespace tidegate::internal {

struct RemoteStarts::Question {
  struct Ring {
    ~Ring() {
      question.is_over = true;
      question.answered.ring();
    }
    Question& question;
  };

  Question(std::shared_ptr<RemoteLimits> of, std::uint32_t permits, Duration most, Duration held,
           TimePoint now, std::uint64_t told, Counter& lost_slots) noexcept
      : limits(std::move(of)),
        weight(permits),
        most_wait(std::min(most, LimiterWord::kLongestAhead)),
        hold(held),
        sent(now),
        penalties(told),
        lost(lost_slots) {}

  static Task<void> run(std::shared_ptr<Question> self) {
    const Ring ring{*self};
    while (!self->backs.empty()) {
      auto giving = give_back(self->limits, std::move(self->backs.back()), &self->lost);
      self->backs.pop_back();
      co_await std::move(giving);
    }
    auto booking = self->limits->book(self->weight, self->most_wait, self->hold);
    auto came = co_await std::move(booking);
    self->answer = std::move(came);
    if (!self->is_left || self->is_claimed || !self->granted()) co_return;
    auto giving = give_back(self->limits, std::move(self->answer->ticket), &self->lost);
    self->answer->granted = false;
    co_await std::move(giving);
  }
  bool granted() const noexcept { return answer.ok() && answer->granted; }
  // What it was granted is to be given back by who asks next.
  static void leave_to_next(Question& question, std::vector<RemoteLimits::Ticket>& backs) {
    if (!question.granted()) return;
    question.answer->granted = false;
    backs.push_back(std::move(question.answer->ticket));
  }

  const std::shared_ptr<RemoteLimits> limits;
  const std::uint32_t weight;
  const Duration most_wait;
  const Duration hold;
  const TimePoint sent;
  const std::uint64_t penalties;
  Counter& lost;
  std::vector<RemoteLimits::Ticket> backs{};  // to be given back before
  Bell answered{};
  bool is_over = false;     // perhaps while its hearer was being cancelled
  bool is_left = false;     // by who asked
  bool is_claimed = false;  // by who asks next
  Result<RemoteLimits::Answer> answer{Status(Cause::kNoMemory, "")};
};

}  // namespace tidegate::internal
