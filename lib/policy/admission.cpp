// SPDX-License-Identifier: Apache-2.0
#include "policy/admission.hpp"

#include <limits>

namespace tidegate::policy {

void Admission::served(Duration service) noexcept {
  usual_ = usual_ == Duration::zero() ? service : usual_ + (service - usual_) / 8;
}

Duration Admission::predicted(std::size_t queued, std::size_t permits) const noexcept {
  const double rounds =
      static_cast<double>(queued) / static_cast<double>(permits ? permits : 1) + 1.0;
  const double predicted = rounds * static_cast<double>(usual_.count());
  constexpr auto kMost = static_cast<double>(std::numeric_limits<Duration::rep>::max()) / 2;
  return Duration(static_cast<Duration::rep>(predicted < kMost ? predicted : kMost));
}

bool Admission::admits(std::size_t queued, std::size_t permits, Duration left) const noexcept {
  return queued == 0 || predicted(queued, permits) <= left;
}

}  // namespace tidegate::policy
