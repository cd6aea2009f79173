// SPDX-License-Identifier: Apache-2.0
#include "gate/breaker_share.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <new>
#include <span>

#include "gate/state_file.hpp"

namespace tidegate::internal {

namespace {

std::uint64_t ns(Duration time) noexcept { return static_cast<std::uint64_t>(time.count()); }

// Of all that has to be the same for words to mean the same.
std::uint64_t shape_of(const BreakerOptions::Values& options) noexcept {
  const std::array<std::uint64_t, 10> parts = {std::bit_cast<std::uint64_t>(options.failure_rate),
                                               std::bit_cast<std::uint64_t>(options.slow_rate),
                                               ns(options.slow_after),
                                               static_cast<std::uint64_t>(options.min_calls),
                                               ns(options.window),
                                               static_cast<std::uint64_t>(options.consecutive),
                                               static_cast<std::uint64_t>(options.probes),
                                               ns(options.probe_timeout),
                                               ns(options.open_for),
                                               ns(options.max_open_for)};
  return state_sum(std::as_bytes(std::span(parts)));
}

}  // namespace

Result<BreakerWords*> share_breaker(const BreakerOptions::Values& options) {
  if (options.name.empty() || options.name == BreakerOptions::Values().name) {
    return Status(
        Cause::kConfig,
        "a breaker that is shared on a host needs a name of its own, not '" + options.name + "'");
  }
  const auto file = StateFile::open(options.state_dir.empty() ? StateFile::default_directory()
                                                              : options.state_dir);
  if (!file.ok()) return file.status();
  const auto memory =
      (*file)->place("breaker", options.name, shape_of(options), sizeof(BreakerWords));
  if (!memory.ok()) return memory.status();
  // Zero bytes are words at their start; what others have written is words already.
  return std::launder(reinterpret_cast<BreakerWords*>(memory->data()));
}

}  // namespace tidegate::internal
