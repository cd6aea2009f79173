// SPDX-License-Identifier: Apache-2.0
//
// With whom a Limiter or a Gate counts together, as the package gives it: (share, state_dir, redis,
// redis_timeout, share_down, share_workers, config, service). None is the setting of the service in
// `config`, or the default where there is no config.
#pragma once

#include <algorithm>
#include <string>

#include "python.hpp"
#include "tidegate/config.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate::python {

inline LimiterOptions shared_limits(const py::tuple& given) {
  LimiterOptions options;
  if (!given[6].is_none()) {
    const auto& config = given[6].cast<const Config&>();
    const auto service = given[7].cast<std::string>();
    options = service.empty() ? LimiterOptions::from(config)
                              : LimiterOptions::from(Service::from(config, service));
  }
  options.share(static_cast<Share>(given[0].cast<int>()));
  if (!given[1].is_none()) options.state_dir(given[1].cast<std::string>());
  if (!given[2].is_none()) options.redis(given[2].cast<std::string>());
  if (!given[3].is_none()) {
    const std::chrono::duration<double> seconds(std::min(given[3].cast<double>(), 60.0));
    options.redis_timeout(std::chrono::duration_cast<Duration>(seconds));
  }
  if (!given[4].is_none()) options.share_down(static_cast<ShareDown>(given[4].cast<int>()));
  if (!given[5].is_none()) options.share_workers(given[5].cast<std::uint32_t>());
  return options;
}

// Runs `work`, without the interpreter's lock where it waits for Redis.
template <class Work>
auto waiting_for_redis(bool waits, Work work) {
  if (!waits) return work();
  const py::gil_scoped_release released;
  return work();
}

}  // namespace tidegate::python
