// SPDX-License-Identifier: Apache-2.0
// A budget under a lock, one for each process.
#include <algorithm>
#include <mutex>

#include "base/brief_mutex.hpp"
#include "base/per_process.hpp"
#include "policy/retry_budget.hpp"
#include "tidegate/retry.hpp"

namespace tidegate {

class RetryBudget::Home {
 public:
  Home(double share, double per_second, double holds) noexcept
      : share_(std::clamp(share, 0.0, 100.0)),
        per_second_(std::clamp(per_second, 0.0, 1e6)),
        holds_(std::clamp(holds, 0.0, 1e6)) {}

  template <class Use>
  auto use(Use with) {
    Locked& here = *slots_.get([this] {
      return std::make_shared<Locked>(policy::RetryBudget(share_, per_second_, holds_));
    });
    const std::lock_guard lock(here.mutex);
    return with(here.budget);
  }

 private:
  struct Locked {
    explicit Locked(const policy::RetryBudget& full) noexcept : budget(full) {}
    internal::BriefMutex mutex;
    policy::RetryBudget budget;  // guarded by mutex
  };

  const double share_;
  const double per_second_;
  const double holds_;
  internal::PerProcess<Locked> slots_;
};

RetryBudget::RetryBudget(double share, double per_second, double holds)
    : home_(std::make_shared<Home>(share, per_second, holds)) {}

void RetryBudget::call() const {
  home_->use([](policy::RetryBudget& budget) { budget.call(); });
}
bool RetryBudget::try_take(TimePoint now) const {
  return home_->use([now](policy::RetryBudget& budget) { return budget.take(now); });
}
void RetryBudget::put_back() const {
  home_->use([](policy::RetryBudget& budget) { budget.put_back(); });
}
void RetryBudget::charge(TimePoint now) const {
  home_->use([now](policy::RetryBudget& budget) { budget.charge(now); });
}
double RetryBudget::left(TimePoint now) const {
  return home_->use([now](policy::RetryBudget& budget) { return budget.left(now); });
}

}  // namespace tidegate
