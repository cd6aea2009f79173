// SPDX-License-Identifier: Apache-2.0
//
// RemoteStarts: the starts of one limiter in one process, where they are booked over a network
// (gate/remote_limits.hpp): what becomes of a booking while it is asked for, slept for and given up,
// and what is done while the store cannot be asked.
//
//   auto asking = remote.book(weight, most_wait);
//   const RemoteBooking booked = co_await std::move(asking);
//   if (!booked.granted()) …                                  // booked.failure, or too late
//   auto coming = remote.come(&booked, &hurry, nullptr);
//   const RemoteStarts::Come come = co_await std::move(coming);
//   if (come != RemoteStarts::Come::kHasCome) remote.take_back(booked, now);
//
// Whoever asks is the head of its line, so that a process has booked one start ahead at most.
//
//   * A start is counted from when the answer came, so that none is early, and a round trip late.
//   * Who is cancelled while it asks leaves the question behind: what it has booked is given back when
//     the answer comes.
//   * A penalty told in this process holds here at once, and is sent with the next question as well,
//     so that it need not have arrived. That of another process is asked for once more before a start
//     that is slept for for longer than kTrusted; told later than that, it may be missed by one start
//     of each process.
//   * Where the store does not answer, ShareDown says what is done. kLocal books with the words of this
//     process, which have nothing saved up when they are needed after an answer: the burst may have
//     been used elsewhere.
//
// Thread-safety: what is marked so, any thread; else the loop's.
#pragma once

#include <array>
#include <atomic>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bell.hpp"
#include "base/errand.hpp"
#include "gate/limiter_word.hpp"
#include "gate/remote_limits.hpp"
#include "gate/remote_metrics.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/share.hpp"

namespace tidegate::internal {

struct RemoteBooking {
  static RemoteBooking failed(Status why) {
    RemoteBooking booking;
    booking.failure = std::move(why);
    return booking;
  }

  enum class Origin : std::uint8_t { kStore, kLocal, kOpen };

  bool granted() const noexcept { return local.granted(); }

  // Whether and when it starts; its words are of kLocal alone.
  LimiterWord::Booking local;
  Status failure;  // of what was not decided
  Origin origin = Origin::kStore;
  RemoteLimits::Ticket ticket;
  std::uint64_t penalties = 0;  // told here before it was asked for
};

// What RemoteStarts is made of. `promised`: the limits that all share; the words of this process are
// those of its fair part of them.
struct RemoteSetup {
  std::shared_ptr<RemoteLimits> limits;
  policy::Limiter promised;
  ShareDown down = ShareDown::kLocal;
};

class RemoteStarts : public std::enable_shared_from_this<RemoteStarts> {
 public:
  static constexpr Duration kTrusted = std::chrono::milliseconds(100);
  static constexpr Duration kInTime = std::chrono::milliseconds(1);

  // `local` is used while somebody books, comes or takes back; `lost` for ever.
  RemoteStarts(Loop& loop, const std::string& name, RemoteSetup setup, Counter& lost,
               LimiterWord& local);

  // REQUIRES of all: 1 <= weight <= burst(). Any thread.
  std::uint32_t burst() const noexcept { return promised_.burst(); }
  // From what the last answer said: the least that it can be behind so many permits. Any thread.
  Duration least_wait(TimePoint now, std::uint32_t weight, std::uint64_t ahead) const noexcept;

  Task<RemoteBooking> book(std::uint32_t weight, Duration most_wait);
  // The same, from any thread.
  Operation<RemoteBooking> ask(std::uint32_t weight, Duration most_wait);

  // Sleeps until the start. kCutShort: the scope was cancelled, or `is_over` says that nobody wants
  // it any more, which is asked whenever `hurry` rings. What does not start is taken back by who asked.
  enum class Come : std::uint8_t { kHasCome, kPutOff, kTooLate, kCutShort };
  struct Watch {
    virtual bool is_over() noexcept = 0;

   protected:
    ~Watch() = default;
  };
  Task<Come> come(const RemoteBooking* booked, Bell* hurry, Watch* watch);
  // It really starts now. Where that is later than kInTime the store is told.
  void started(const RemoteBooking& booked, TimePoint now) noexcept;

  // Where the slot is lost that is counted.
  void take_back(const RemoteBooking& booked, TimePoint now) noexcept;
  // The same, from any thread. `owner`: of the local words.
  void cancel(const RemoteBooking& booked, std::shared_ptr<const void> owner) noexcept;
  // Any thread.
  // REQUIRES: until <= now + kLongestPenalty.
  void penalize(TimePoint now, TimePoint until) noexcept;

  const RemoteMetrics& metrics() const noexcept { return remote_metrics_; }

 private:
  // Of a limit of which nothing is known.
  static constexpr Duration::rep kUnknown = std::numeric_limits<Duration::rep>::min() / 2;

  class Ask;
  struct Question;
  struct Told;
  struct Cancelled;

  Task<bool> claim(std::shared_ptr<Question> left);
  RemoteBooking taken(Question& question);
  RemoteBooking instead(std::uint32_t weight, Duration most_wait, const Status& why);
  void learn(const RemoteLimits::Answer& answer, TimePoint sent) noexcept;
  bool is_put_off(const RemoteBooking& booked, TimePoint now) const noexcept;
  Task<bool> is_held_elsewhere(TimePoint start);
  static Task<void> give_back(std::shared_ptr<RemoteLimits> limits, RemoteLimits::Ticket ticket,
                              Counter* lost);
  static Task<void> give_all_back(std::shared_ptr<RemoteStarts> self, int);
  struct Late {
    RemoteLimits::Ticket ticket;
    Duration by;
  };
  static Task<void> tell_late(std::shared_ptr<RemoteStarts> self, Late late);
  static Task<void> tell(std::shared_ptr<RemoteStarts> self, Duration hold);
  template <class Argument>
  void run_errand_of(Task<void> (*flow)(std::shared_ptr<RemoteStarts>, Argument),
                     std::type_identity_t<Argument> argument) noexcept;

  Loop& loop_;
  const std::shared_ptr<RemoteLimits> limits_;
  const policy::Limiter promised_;
  const ShareDown down_;
  const std::uint64_t process_;  // the fork generation
  Counter& lost_;
  RemoteMetrics remote_metrics_;
  LimiterWord& local_;

  std::vector<RemoteLimits::Ticket> backs_;  // to be given back, by the next question or an errand
  std::shared_ptr<Question> left_;           // whose asker has gone; until somebody asks again
  TimePoint held_until_{};                   // by the last answer
  std::atomic<std::uint64_t> penalties_{0};  // told in this process
  std::atomic<bool> is_down_{false};         // the last question was not answered
  // When each limit lets one more start, at the least; since the clock's epoch.
  std::array<std::atomic<Duration::rep>, policy::Limiter::kMostLimits> due_{};
};

template <class Argument>
void RemoteStarts::run_errand_of(Task<void> (*flow)(std::shared_ptr<RemoteStarts>, Argument),
                                 std::type_identity_t<Argument> argument) noexcept try {
  auto self = shared_from_this();
  run_errand(loop_, self, flow(self, std::move(argument)));
} catch (const std::bad_alloc&) {  // it goes with the next question
}

}  // namespace tidegate::internal
