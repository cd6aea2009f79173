// SPDX-License-Identifier: Apache-2.0

#include "base/config_keys.hpp"

#include <algorithm>
#include <array>

namespace tidegate::internal {
namespace {

constexpr bool kPerService = true;
constexpr bool kGlobal = false;
using enum KeyType;

constexpr KeyInfo kKeys[] = {
    {"executor.max_running", kInteger, "64", "1", "10000", kGlobal,
     "Calls that run at once in all lanes together."},
    {"executor.queue", kInteger, "1000", "0", "1000000", kGlobal,
     "Calls that may wait at once in one lane; the next is refused with queue_full."},
    {"executor.query_timeout", kDuration, "15s", "1ms", "24h", kPerService,
     "The time from start to outcome of a call that sets no timeout of its own."},
    {"executor.page_timeout", kDuration, "18s", "1ms", "24h", kGlobal,
     "The time in which all calls of one page have to end."},
    {"executor.callable_concurrency", kInteger, "16", "1", "1000", kPerService,
     "Blocking callables that run at once in one lane."},
    {"executor.zombies_per_permit", kInteger, "2", "0", "100", kGlobal,
     "Given-up calls that may still run, for each permit of a lane; past it calls are refused with "
     "saturated."},
    {"sqlite.concurrency", kInteger, "4", "1", "256", kPerService,
     "Queries that run at once on one database, each on a thread and a connection of its own."},
    {"sqlite.max_rows", kInteger, "100000", "1", "1000000000", kPerService,
     "Rows of one answer; a query that yields more fails with too_large."},
    {"sqlite.max_bytes", kInteger, "67108864", "1024", "1099511627776", kPerService,
     "Bytes of one answer, all cells together; a query that yields more fails with too_large."},
    {"sqlite.busy_timeout", kDuration, "1s", "0s", "1h", kPerService,
     "How long a query waits for a lock on the database, at most to its deadline."},
    {"sqlite.max_value_bytes", kInteger, "16777216", "1", "2147483647", kPerService,
     "Bytes of one cell; a query that yields a longer one fails with too_large."},
    {"runtime.shutdown_timeout", kDuration, "2s", "0s", "10m", kGlobal,
     "How long shutdown waits for work that was told to stop."},
    {"log.level", kString, "warning", "", "", kGlobal,
     "The lowest level of what tidegate says by itself.", "debug|info|warning|error|off"},
};

// CONFIG names a program's configuration file; the others are read by the tests and the build.
constexpr std::array<std::string_view, 7> kReserved = {"ATFORK", "C_LIBRARY", "CONFIG",    "DEEP",
                                                       "PYTHON", "SERVER",    "SOURCE_DIR"};

}  // namespace

std::span<const KeyInfo> library_keys() noexcept { return kKeys; }

bool is_reserved_variable(std::string_view name) noexcept {
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) return true;
  // Kubernetes gives every container of a namespace with a service "tidegate" these.
  return name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_");
}

}  // namespace tidegate::internal
