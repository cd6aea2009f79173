// SPDX-License-Identifier: Apache-2.0
//
// The numbers of all processes that share a directory, read by any of them.
//
//   stats-<pid>-<start>   the arena of one process; it lives as long as the file is locked
//   gone                  what those that have ended left: counters and durations, no gauges
//
// Who reads and finds a dead process's file adds it to `gone` and removes it. Nobody ever waits:
// the one that folds holds a lock that others only try, and a reader looks whether `gone` was
// written meanwhile, and reads again. `gone` names the files that are in it until they are removed,
// so that a kill at any point counts nothing twice.
//
// Files are read, not mapped: one that is cut off costs its numbers and no SIGBUS. What is not a
// plain file of this user's, of this layout, is left alone and counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/metrics_snapshot.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

// See tidegate::share_stats().
Status share_stats_in(std::string_view directory);

// Never fails: what cannot be read is missing.
std::shared_ptr<const Snapshot> snapshot_of_all_workers();

// The process ids, this one first.
std::vector<std::int64_t> living_workers();

}  // namespace tidegate::internal
