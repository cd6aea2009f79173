// SPDX-License-Identifier: Apache-2.0
//
// GateCore: a gate in one process, on a loop, so that it runs in virtual time as well.
//
// From any thread: try_enter(), acquire(), what a permit does at its end, penalize(). In a flow on
// the gate's loop, in two steps, both of which may wait:
//
//   GateTurn turn = co_await gate->enter(priority, until);     // a slot, and the head of the line
//   if (!turn.held()) co_return turn.status();
//   …                                                          // (*)
//   auto starting = gate->start(std::move(turn));              // the start, and the breaker again
//   auto permit = co_await std::move(starting);                // Result<GatePermit>
//   if (!permit.ok()) co_return permit.status();
//
// (*) There is one turn at a time: whoever holds it is the head, and the line goes on only when its
// call has started or its turn is dropped. So this is where a flow takes what is scarce beyond this
// gate, such as a slot of a client's total: of each gate at most one flow stands in that other queue,
// first come first served among the gates, and no start is booked while it stands there. What it has
// taken it gives back by itself where start() refuses. A turn must not outlive its flow's loop.
//
// `until` bounds both waits, as does the flow's scope. Where a free gate is entered neither step
// suspends; start() costs one frame.
//
// Where starts are booked over a network (gate/remote_starts.hpp), each is a question there, and
// try_enter() waits for its answer.
//
// Invariants
//   * Who waits counts in slots_ from before it is refused or queued until its call starts or it
//     has given up; only the loop's thread queues it and hands it a slot, highest priority first.
//   * has_head_: somebody holds a turn. While a slot is free and nobody holds one, the line is empty:
//     next() is called after each change that could break this, by give_back()'s word also from
//     another thread, by a message.
//   * The head's booking is the only one that has not started. One that is given up, or that the
//     breaker refuses after the wait, is taken back whole, for the next.
//   * The breaker's permit is taken last, so that probes are not leased by those who wait.
//   * A core lives as long as somebody holds a pointer to it or has a permit: a permit's slot counts
//     it, so that entering a free gate counts no reference.
//   * A core is of the process that made it: in a child of a fork its permits do nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/bell.hpp"
#include "base/brief_mutex.hpp"
#include "base/ports/clock.hpp"
#include "base/task.hpp"
#include "gate/breaker_core.hpp"
#include "gate/gate_metrics.hpp"
#include "gate/gate_slots.hpp"
#include "gate/limiter_word.hpp"
#include "gate/remote_starts.hpp"
#include "policy/aimd.hpp"
#include "policy/cubic_rate.hpp"
#include "tidegate/gate.hpp"

namespace tidegate::internal {

// The head of a gate's line, with a slot; or why there is none.
class [[nodiscard]] GateTurn {
 public:
  GateTurn(GateTurn&& other) noexcept
      : core_(std::move(other.core_)),
        status_(std::move(other.status_)),
        priority_(other.priority_),
        begun_(other.begun_),
        until_(other.until_),
        is_ahead_(std::exchange(other.is_ahead_, false)) {}
  GateTurn& operator=(GateTurn&&) = delete;
  ~GateTurn();

  bool held() const noexcept { return core_ != nullptr; }
  const Status& status() const noexcept { return status_; }

 private:
  friend class GateCore;
  friend class GateEnter;
  GateTurn(std::shared_ptr<GateCore> core, GatePriority priority, TimePoint begun,
           Deadline until) noexcept
      : core_(std::move(core)),
        priority_(priority),
        begun_(begun),
        until_(until),
        is_ahead_(true) {}
  explicit GateTurn(Status refused) noexcept : status_(std::move(refused)) {}

  std::shared_ptr<GateCore> core_;
  Status status_;
  GatePriority priority_ = GatePriority::kNormal;
  TimePoint begun_{};
  Deadline until_;
  bool is_ahead_ = false;  // counted among those that have not booked
};

// The wait for a turn; to be awaited at once.
class GateEnter final : public Leaf, private Timer, private ListNode<GateEnter> {
 public:
  // `counted`: it has joined already, at `begun`.
  GateEnter(std::shared_ptr<GateCore> core, GatePriority priority, Deadline until,
            std::optional<TimePoint> counted) noexcept
      : core_(std::move(core)), priority_(priority), until_(until), begun_(counted) {}
  GateEnter(const GateEnter&) = delete;
  GateEnter& operator=(const GateEnter&) = delete;
  ~GateEnter() override;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> flow) noexcept {
    return wait(flow.promise().scope(), flow);
  }
  GateTurn await_resume() noexcept;

 private:
  friend class GateCore;
  friend class IntrusiveList<GateEnter>;

  bool wait(Scope& scope, std::coroutine_handle<> flow) noexcept;
  bool meets_open_breaker() noexcept;
  void grant() noexcept;
  void refuse_now(Status status) noexcept;
  void fired() noexcept override;
  void on_cancel() noexcept override;
  void leave_line() noexcept;

  const std::shared_ptr<GateCore> core_;
  const GatePriority priority_;
  const Deadline until_;
  std::optional<TimePoint> begun_;  // since when it counts as waiting
  bool granted_ = false;
  Status refused_;
};

class GateCore : public std::enable_shared_from_this<GateCore> {
 public:
  // What the breaker measures is from `coarse`, the rest from `clock`, which is the loop's.
  struct Clocks {
    const Clock& clock;
    const Clock& coarse;
  };
  // Words that it shares with other processes; they outlive it. Null: its own. And where its breaker's
  // openings are shared over a network.
  struct Shared {
    LimiterWords* limits = nullptr;
    BreakerWords* breaker = nullptr;
    std::shared_ptr<RemoteOpenings> openings = nullptr;
  };
  // The options have been checked. Where starts are booked over a network, `limiter` is for when that
  // fails.
  static std::shared_ptr<GateCore> make(Loop& loop, Clocks clocks,
                                        const GateOptions::Values& options,
                                        const policy::Limiter& limiter, const Shared& shared,
                                        std::uint64_t seed,
                                        std::optional<RemoteSetup> remote = std::nullopt);

  // Where starts are asked for over a network it waits for the answer: not on the loop's thread.
  GatePermit try_enter();
  // The same in a flow. `may_probe` is false for a call that may as well not be made: where the breaker
  // is not closed it is not let in, so that it tries none, and a refusal counts as nothing.
  static Task<GatePermit> try_enter_in_flow(std::shared_ptr<GateCore> self, bool may_probe);
  Operation<GatePermit> acquire(TimePoint now, Deadline deadline, GatePriority priority);

  GateEnter enter(GatePriority priority, Deadline until) noexcept {
    return {shared_from_this(), priority, until, std::nullopt};
  }
  Task<Result<GatePermit>> start(GateTurn turn) {
    return remote_ ? ask_and_start(std::move(turn)) : wait_and_start(std::move(turn));
  }

  // Why one that would come with `more` before it beyond the line is certain to be refused; else OK.
  Status foresee(TimePoint now, Deadline until, std::uint64_t more) noexcept;

  // The latest is what counts; never shorter than an earlier one.
  void penalize(TimePoint now, Duration time) noexcept;
  void force(BreakerMode mode) noexcept;

  // What a refusal of try_enter() says.
  Status refusal(Cause cause, Duration retry_after) const noexcept;
  GateStats stats();

 private:
  friend class GateAcquire;
  friend class GateEnter;
  friend class GateTurn;
  friend class tidegate::GatePermit;

  struct OpenBreaker final : RemoteStarts::Watch {
    explicit OpenBreaker(GateCore& owner) noexcept : core(owner) {}
    bool is_over() noexcept override { return core.open_for() > Duration::zero(); }
    GateCore& core;
  };
  // A slot that was taken and goes back, unless there is a permit for it.
  struct TakenSlot {
    explicit TakenSlot(GateCore& owner) noexcept : core(owner) {}
    TakenSlot(const TakenSlot&) = delete;
    TakenSlot& operator=(const TakenSlot&) = delete;
    ~TakenSlot() {
      if (!is_kept) core.give_back();
    }
    GateCore& core;
    bool is_kept = false;
  };
  struct Kick final : Message {
    explicit Kick(GateCore& owner) noexcept : core(owner) {}
    void run() noexcept override { core.kicked(); }
    GateCore& core;
  };

  GateCore(Loop& loop, Clocks clocks, const GateOptions::Values& options,
           const policy::Limiter& limiter, const Shared& shared, std::uint64_t seed);
  ~GateCore() = default;

  // Any thread.
  GatePermit take_all(TimePoint now, bool may_probe) noexcept;
  GatePermit take_all_and_ask(TimePoint now) noexcept;
  GatePermit ask_to_enter(TimePoint now);
  GatePermit with_start(TakenSlot& slot, const RemoteBooking& booked, bool may_probe);
  GatePermit no_slot(TimePoint now) noexcept;
  void count_refusal(Cause cause) noexcept;
  Status counted(Status refusal) noexcept;
  GatePermit permit(const SharedBreaker::Permit& breaker, TimePoint entered,
                    Duration waited) noexcept;
  std::uint64_t breaker_word() const noexcept { return breaker_ ? breaker_->word() : 0; }
  bool is_closed(std::uint64_t word) const noexcept {
    return !breaker_ || breaker_->is_closed(word);
  }
  SharedBreaker::Entry ask_breaker(TimePoint now) noexcept {
    if (breaker_) return breaker_->ask(now);
    return {.entered = true, .permit = {}, .retry_after = {}};
  }
  Duration open_for() const noexcept { return breaker_ ? breaker_->refusal() : Duration::zero(); }
  static SharedBreaker::Permit breaker_permit(const GatePermit& permit) noexcept;
  static CallTime time_of(const GatePermit& permit) noexcept;
  void leave(GatePermit& permit, Cause cause) noexcept;
  void leave(GatePermit& permit, int status, std::optional<Duration> retry_after) noexcept;
  void leave(GatePermit& permit, int status, const Headers& headers) noexcept;
  void learn(policy::Load load) noexcept;
  void space_starts(TimePoint now, bool is_pushed_back) noexcept;
  void hold(TimePoint now, TimePoint until) noexcept;
  void give_back() noexcept;
  void kick() noexcept;
  void kicked() noexcept;

  // Why one that would have to wait is refused at once; else it counts as waiting.
  Status join(TimePoint now, Deadline until, GatePriority priority) noexcept;
  // Waits no longer; `is_ahead`: and has booked no start.
  void leave_line(GatePriority priority, bool is_ahead) noexcept;
  Duration least_wait(TimePoint now, GatePriority priority, std::uint64_t more = 0) noexcept;

  // The loop's thread.
  GateEnter enter_joined(GatePriority priority, Deadline until, TimePoint since) noexcept {
    return {shared_from_this(), priority, until, since};
  }
  bool take_free_turn(GatePriority priority) noexcept;
  bool take_turn() noexcept;
  void next() noexcept;
  void drop(GateTurn& turn) noexcept;
  void refuse_all(Duration open) noexcept;
  Task<Result<GatePermit>> wait_and_start(GateTurn turn);
  Task<Result<GatePermit>> ask_and_start(GateTurn turn);
  void no_longer_ahead(GateTurn& head) noexcept;
  LimiterWord::Booking book(GateTurn& head, Deadline until) noexcept;
  void take_back(const LimiterWord::Booking& booking, TimePoint now) noexcept;
  Result<GatePermit> begin(GateTurn& turn, const LimiterWord::Booking& booking) noexcept;
  Result<GatePermit> begin(GateTurn& turn, const RemoteBooking& booked) noexcept;
  GatePermit let_in(GateTurn& turn, const SharedBreaker::Permit& breaker, TimePoint now) noexcept;

  Status text(Cause cause, const std::string& rest) const;
  Status too_late(Duration wait, Duration left) const noexcept;
  Status no_start(const RemoteBooking& booked, Duration left) const noexcept;
  Status circuit_open(Duration retry_after) const noexcept;
  Status queue_full() const noexcept;
  Status no_turn(TimePoint now, GatePriority priority) noexcept;

  std::atomic<std::uint64_t>& ahead(GatePriority priority) noexcept {
    return ahead_[static_cast<std::size_t>(priority)];
  }

  Loop& loop_;
  const Clock& clock_;
  const std::string name_;
  const std::size_t most_waiting_;
  const Duration max_penalty_;
  const bool reads_limits_;      // of answers
  const std::uint64_t process_;  // the fork generation
  GateMetrics metrics_;
  GateSlots slots_;
  LimiterWord starts_;
  std::shared_ptr<RemoteStarts> remote_;  // null: nothing is asked for
  std::optional<BreakerCore> breaker_;
  BriefMutex learn_mutex_;
  std::optional<policy::Aimd> aimd_;                   // guarded by learn_mutex_
  std::optional<policy::CubicRate> rate_;              // guarded by learn_mutex_
  std::array<std::atomic<std::uint64_t>, 3> ahead_{};  // who has not booked

  std::atomic<bool> kick_posted_{false};
  Kick kick_{*this};
  std::shared_ptr<GateCore> alive_;  // while the kick is under way

  std::array<IntrusiveList<GateEnter>, 3> line_;
  bool has_head_ = false;
  Bell hurry_;  // the head sleeps for its start, and something has changed
};

}  // namespace tidegate::internal
