// SPDX-License-Identifier: Apache-2.0
#include "base/seed.hpp"

#include <sys/random.h>
#include <unistd.h>

#include "tidegate/deadline.hpp"

namespace tidegate::internal {

std::uint64_t fresh_seed() noexcept {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) return seed;
  const auto now = static_cast<std::uint64_t>(Deadline::now().time_since_epoch().count());
  return now ^ (static_cast<std::uint64_t>(::getpid()) << 32);
}

}  // namespace tidegate::internal
