// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <new>
#include <utility>

#include "base/fork.hpp"
#include "gate/remote_starts.hpp"

namespace tidegate::internal {

namespace {

using Origin = RemoteBooking::Origin;

}  // namespace

// A penalty on its way from another thread to the loop.
struct RemoteStarts::Told final : Message {
  Told(std::shared_ptr<RemoteStarts> of, Duration time) noexcept
      : starts(std::move(of)), hold(time) {}
  void run() noexcept override {
    const std::unique_ptr<Told> gone(this);
    starts->run_errand_of(tell, hold);
  }
  const std::shared_ptr<RemoteStarts> starts;
  const Duration hold;
};

// The same of a booking that is cancelled.
struct RemoteStarts::Cancelled final : Message {
  Cancelled(std::shared_ptr<RemoteStarts> of, std::shared_ptr<const void> owner_of,
            RemoteBooking what)
      : starts(std::move(of)), owner(std::move(owner_of)), booking(std::move(what)) {}
  void run() noexcept override {
    const std::unique_ptr<Cancelled> gone(this);
    starts->take_back(booking, starts->loop_.now());
  }
  const std::shared_ptr<RemoteStarts> starts;
  const std::shared_ptr<const void> owner;
  const RemoteBooking booking;
};

void RemoteStarts::take_back(const RemoteBooking& booked, TimePoint now) noexcept {
  if (!booked.granted() || booked.origin == Origin::kOpen) return;
  if (booked.origin == Origin::kLocal) return local_.cancel(booked.local, now);
  for (auto& due : due_) due.store(kUnknown, std::memory_order_relaxed);
  if (now > booked.local.start + LimiterWord::kMostLate) return lost_.add();
  try {
    backs_.push_back(booked.ticket);
  } catch (const std::bad_alloc&) {
    return lost_.add();
  }
  run_errand_of(give_all_back, 0);
}

void RemoteStarts::cancel(const RemoteBooking& booked, std::shared_ptr<const void> owner) noexcept
    try {
  if (process_ != fork_generation()) return;
  auto cancelled = std::make_unique<Cancelled>(shared_from_this(), std::move(owner), booked);
  if (loop_.post(*cancelled)) static_cast<void>(cancelled.release());
} catch (const std::bad_alloc&) {
  lost_.add();
}

void RemoteStarts::penalize(TimePoint now, TimePoint until) noexcept {
  local_.penalize(now, until);
  penalties_.fetch_add(1, std::memory_order_relaxed);
  auto told = std::unique_ptr<Told>(new (std::nothrow) Told(shared_from_this(), until - now));
  if (told && loop_.post(*told)) static_cast<void>(told.release());
}

Task<void> RemoteStarts::give_back(std::shared_ptr<RemoteLimits> limits,
                                   RemoteLimits::Ticket ticket, Counter* lost) {
  auto giving = limits->give_back(std::move(ticket));
  const auto given = co_await std::move(giving);
  if (!given.ok() || !*given) lost->add();
}

// What no question has taken along until then.
Task<void> RemoteStarts::give_all_back(std::shared_ptr<RemoteStarts> self, int) {
  while (!self->backs_.empty()) {
    auto giving = give_back(self->limits_, std::move(self->backs_.back()), &self->lost_);
    self->backs_.pop_back();
    co_await std::move(giving);
  }
}

Task<void> RemoteStarts::tell_late(std::shared_ptr<RemoteStarts> self, Late late) {
  auto telling = self->limits_->began_late(std::move(late.ticket), late.by);
  const Status told = co_await std::move(telling);
  static_cast<void>(told);
}

Task<void> RemoteStarts::tell(std::shared_ptr<RemoteStarts> self, Duration hold) {
  auto telling = self->limits_->held(hold);
  const auto told = co_await std::move(telling);
  static_cast<void>(told);  // where it has failed it goes with the next question
}

}  // namespace tidegate::internal
