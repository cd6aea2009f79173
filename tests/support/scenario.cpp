// SPDX-License-Identifier: Apache-2.0
#include "support/scenario.hpp"

#include <stdexcept>

#include "base/sleep.hpp"

namespace tidegate::test {

using internal::Group;
using internal::Scope;
using internal::sleep_until;
using internal::Task;
using internal::this_scope;
using internal::with_deadline;
using internal::with_group;
using namespace std::chrono_literals;

void Mines::step() {
  if (left_ == 0 || --left_ > 0) return;
  gone_off_ = true;
  throw std::runtime_error("mine");
}

Scenario::Scenario(SimLoop& loop, int clients, int mine) : loop_(loop), mines_(mine) {
  for (int i = 0; i < clients; ++i) {
    const Duration patience = loop.rng().between(200ms, 1s);
    const bool bounded = loop.rng().chance(50);
    const Deadline deadline = bounded ? Deadline::after(2s, loop.now()) : Deadline::never();
    clients_.emplace_back(loop, client_flow(patience), deadline);
  }
}

bool Scenario::over() const noexcept {
  for (const Flow& client : clients_) {
    if (!client.over) return false;
  }
  return gate_.free() == kPermits && !gate_.has_waiting() && inside_ == 0;
}

Task<void> Scenario::client_flow(Duration patience) {
  Scope& scope = co_await this_scope();
  mines_.step();
  for (int request = 0; request < 3; ++request) {
    const Duration pause = loop_.rng().between(0ms, 300ms);
    const Cause woken = co_await sleep_until(loop_.now() + pause);
    mines_.step();
    if (woken != Cause::kNone) co_return;
    auto task = with_retries();
    const Deadline deadline = Deadline::after(patience, loop_.now());
    const Status status = co_await with_deadline(deadline, std::move(task));
    mines_.step();
    ++(status.ok() ? answered_ : failed_);
    loop_.trace(static_cast<std::uint64_t>(status.cause()));
    if (!scope.ok()) co_return;
  }
}

Task<Status> Scenario::with_retries() {
  Scope& scope = co_await this_scope();
  Status status;
  for (int attempt = 0; attempt < 4; ++attempt) {
    mines_.step();
    auto task = hedge();
    status = co_await std::move(task);
    mines_.step();
    if (status.ok() || !scope.ok()) break;
    const Duration pause = loop_.rng().between(0ms, 20ms * (1 << attempt));
    co_await sleep_until(loop_.now() + pause);
  }
  co_return status;
}

Task<Status> Scenario::hedge() {
  Race attempts{.scenario = this, .results = {}};
  auto task = with_group(race, &attempts);
  mines_.step();
  Status status = co_await std::move(task);
  mines_.step();
  co_return status;
}

Task<Status> Scenario::race(Group& group, Race* race) {
  Scenario& self = *race->scenario;
  self.mines_.step();
  group.spawn(self.attempt(&race->results[0]));
  self.mines_.step();
  const Deadline patience = Deadline::after(60ms, self.loop_.now());
  int winner = co_await group.next(patience);
  self.mines_.step();
  if (winner == Group::kNobody) {
    ++self.hedged_;
    group.spawn(self.attempt(&race->results[1]));
    self.mines_.step();
    winner = co_await group.next(Deadline::never());
    self.mines_.step();
  }
  if (winner == Group::kNobody) co_return Status(Cause::kCancelled, "cut short");
  co_return race->results[winner];
}

Task<void> Scenario::attempt(Status* result) {
  mines_.step();
  auto task = serve();
  *result = Status(Cause::kInternal, "not served");
  Status status = co_await std::move(task);
  mines_.step();
  *result = std::move(status);
}

Task<Status> Scenario::serve() {
  auto permit = co_await gate_.enter();
  mines_.step();
  if (!permit.held()) {
    ++refused_;
    co_return Status(permit.refused(), "not let in");
  }
  struct Inside {
    explicit Inside(int& count) noexcept : count_(count) { ++count_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { --count_; }
    int& count_;
  };
  const Inside inside(inside_);
  const bool slow = loop_.rng().chance(20);
  const Duration longest = slow ? 900ms : 50ms;
  const Duration latency = loop_.rng().between(1ms, longest);
  const Cause woken = co_await sleep_until(loop_.now() + latency);
  mines_.step();
  if (woken != Cause::kNone) co_return Status(woken, "given up");
  if (loop_.rng().chance(30)) co_return Status(Cause::kEngineUnavailable, "down");
  co_return Status();
}

}  // namespace tidegate::test
