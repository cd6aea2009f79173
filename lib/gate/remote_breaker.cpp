// SPDX-License-Identifier: Apache-2.0
#include "gate/remote_breaker.hpp"

#include <new>
#include <utility>

#include "base/errand.hpp"
#include "base/fork.hpp"

namespace tidegate::internal {

namespace {

using policy::BreakerWord;
using State = policy::Breaker::State;

bool is_same(std::uint64_t one, std::uint64_t other) noexcept {
  return BreakerWord::generation_of(one) == BreakerWord::generation_of(other);
}

std::string draw_id(Rng& rng) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id;
  for (int i = 0; i < 2; ++i) {
    std::uint64_t word = rng.next();
    for (int digit = 0; digit < 16; ++digit, word >>= 4) id += kDigits[word & 15];
  }
  return id;
}

}  // namespace

RemoteBreaker::RemoteBreaker(Loop& loop, const std::string& name,
                             std::shared_ptr<RemoteOpenings> openings, std::uint64_t seed)
    : loop_(loop),
      openings_(std::move(openings)),
      metrics_(name),
      rng_(seed),
      process_(fork_generation()) {}

void RemoteBreaker::attach(const std::shared_ptr<SharedBreaker>& breaker) {
  breaker_ = breaker;
  agreed_ = asked_ = breaker->word();
  breaker->recall();
}

// One message at a time is under way; what changes before it runs is seen by it.
void RemoteBreaker::looked() noexcept {
  if (process_ != fork_generation()) return;
  if (is_posted_.exchange(true, std::memory_order_acq_rel)) return;
  posted_ = shared_from_this();
  if (loop_.post(*this)) return;
  posted_.reset();
  is_posted_.store(false, std::memory_order_release);
}

void RemoteBreaker::run() noexcept {
  const std::shared_ptr<RemoteBreaker> self = std::move(posted_);
  is_posted_.exchange(false, std::memory_order_acq_rel);
  consider();
}

void RemoteBreaker::fired() noexcept {
  const std::shared_ptr<RemoteBreaker> self = std::move(resting_);
  if (const auto breaker = breaker_.lock()) breaker->recall();
}

void RemoteBreaker::consider() noexcept {
  const auto breaker = breaker_.lock();
  if (!breaker || is_asking_) return;
  const std::uint64_t word = breaker->word();
  const bool has_news = !is_same(word, agreed_) && !is_same(word, asked_);
  if (resting_ && (has_failed_ || !has_news)) return;
  asked_ = word;
  try {
    run_errand(loop_, shared_from_this(), exchange(shared_from_this(), word));
    is_asking_ = true;
  } catch (const std::bad_alloc&) {
    rest();
  }
}

Task<void> RemoteBreaker::exchange(std::shared_ptr<RemoteBreaker> self, std::uint64_t word) {
  struct Done {
    ~Done() {
      remote.is_asking_ = false;
      remote.rest();
    }
    RemoteBreaker& remote;
  };
  const Done done{*self};
  std::optional<RemoteOpenings::News> news;
  if (const auto breaker = self->breaker_.lock()) {
    breaker->see(self->loop_.now());
    news = self->news_of(*breaker, word);
  }
  auto asking = self->openings_->exchange(self->known_, std::move(news));
  const auto answer = co_await std::move(asking);
  self->has_failed_ = !answer.ok();
  (answer.ok() ? self->metrics_.answers : self->metrics_.failures).add();
  if (answer.ok()) self->learn(word, *answer);
}

std::optional<RemoteOpenings::News> RemoteBreaker::news_of(const SharedBreaker& breaker,
                                                           std::uint64_t word) {
  if (is_same(word, agreed_)) return {};
  if (offered_.empty() || !is_same(word, offered_word_)) offered_ = draw_id(rng_);
  offered_word_ = word;
  return RemoteOpenings::News{
      .id = offered_,
      .what = {.is = breaker.record(word, loop_.now()),
               .was_closed = BreakerWord::state_of(agreed_) == State::kClosed,
               .is_order = BreakerWord::mode_of(agreed_) != BreakerWord::mode_of(word)}};
}

// What was changed here meanwhile is news, of who does not know of this.
void RemoteBreaker::learn(std::uint64_t word, const Answer& answer) noexcept try {
  if (!answer.id.empty() && answer.id == offered_) {
    known_ = std::exchange(offered_, {});
    agreed_ = offered_word_;
    return;
  }
  if (answer.id.empty() || answer.id == known_) return;
  const auto breaker = breaker_.lock();
  if (!breaker) return;
  const bool is_closed = answer.is.state == State::kClosed &&
                         BreakerWord::state_of(word) == State::kClosed &&
                         answer.is.mode == BreakerWord::mode_of(word);
  const Duration left = answer.is.left + rng_.between(Duration::zero(), answer.is.left / 10);
  const auto after =
      is_closed ? std::optional(word) : breaker->adopt(word, answer.is, left, loop_.now());
  if (!after) return;
  if (!is_closed) metrics_.told.add();
  agreed_ = *after;
  known_ = answer.id;
} catch (const std::bad_alloc&) {
  return;  // it is learnt with the next answer
}

// Until the next question; news do not wait for that, where the store answers.
void RemoteBreaker::rest() noexcept {
  resting_ = shared_from_this();
  loop_.arm(*this, loop_.now() + kPause);
  consider();
}

}  // namespace tidegate::internal
