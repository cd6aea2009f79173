// SPDX-License-Identifier: Apache-2.0
//
// Share: with whom a limiter, a gate or a breaker counts together.
//
//   tidegate::Limiter limiter(tidegate::LimiterOptions().name("encar").rate(5, 1s).share(tidegate::Share::kHost));
//
// kProcess   with its copies, in this process. After fork() a child's begins anew.
// kHost      with all of its name, in all processes of this user on this host that use one state
//            directory: five in a second are five in a second for four workers together. It is a
//            mapped file: there is no server, no lock while counting, and who is killed leaves the
//            others going. What was counted outlives the processes, until the system starts again.
// kRedis     a limiter or a gate's limits with all of its name that use one Redis, on any host. Each
//            start is decided there, in one round trip, by the server's clock. A breaker counts for
//            itself, and opens and closes with all of its name (breaker.hpp).
//
// The directory of kHost is made with the mode 0700. One that belongs to somebody else, lets others in
// or is a symbolic link is refused with the cause config; a file that is broken is made anew. By
// default it is /dev/shm/tidegate-<uid>, which a container may have for itself; then name one that all
// have.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidegate {

enum class Share : std::int32_t { kProcess = 0, kHost = 1, kRedis = 2 };

// What who shares through Redis does while Redis cannot be asked, or does not answer in time.
//   kLocal    goes on with limits of its process: a share_workers-th part of what is promised, with
//             nothing saved up at the beginning
//   kOpen     lets everything start
//   kRefuse   lets nothing start: engine_unavailable
// A penalty that this process was told holds in any case.
enum class ShareDown : std::int32_t { kLocal = 0, kOpen = 1, kRefuse = 2 };

// How many processes of this program work side by side. Where they are several, each limiter, gate
// with a rate, and breaker that is kProcess is a warning in the log, once for each name, that says
// what they come to together: four workers of five in a second are twenty in a second. By itself it is
// what GUNICORN_CMD_ARGS (-w, --workers), WEB_CONCURRENCY or WORKER_COUNT say, in this order, else 1.
// A program that makes its workers itself says it before it makes any of these; 0: by itself again.
// Any thread.
void expect_workers(std::size_t count) noexcept;
std::size_t expected_workers() noexcept;

}  // namespace tidegate
