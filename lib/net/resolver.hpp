// SPDX-License-Identifier: Apache-2.0
//
// Resolver: from the name of a host to its addresses, without blocking the loop: what is known
// answers at once (net/dns_cache.hpp), everything else is looked up on a thread, once for all who
// want the host.
//
//   auto resolving = resolver.resolve(&host, request.dns);     // both stay until it has ended
//   const auto found = co_await with_deadline(until, std::move(resolving));
//
// A caller waits for as long as it likes and leaves at once; the lookup goes on for the others and
// for the cache. Where a stale answer is there, it waits for `patience` at most.
//
// getaddrinfo() cannot be stopped. A lookup that takes longer than `hangs_after` is a zombie: whoever
// waits for it is told so, the next to ask begins another, and its thread no longer counts, so that
// other hosts have as many as before. `most_zombies` threads are written off like this at most; then
// lookups wait for a thread. What a zombie finds in the end is kept all the same.
//
// On the loop's thread, but for workers().
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/task.hpp"
#include "net/dns_cache.hpp"
#include "net/dns_lookup.hpp"
#include "net/dns_metrics.hpp"
#include "net/worker_pool.hpp"
#include "tidegate/ref.hpp"

namespace tidegate::internal {

struct ResolverOptions {
  DnsLookUp look_up = &look_up_host;
  Duration patience = std::chrono::milliseconds(250);
  Duration hangs_after = std::chrono::seconds(5);
  std::size_t most_zombies = 16;
};

class Resolver {
 public:
  explicit Resolver(Loop& loop, ResolverOptions options = {});
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  // REQUIRES: no flow is in resolve(), and the loop takes no more messages: it is closed, or was never
  // used. It outlives the workers.
  ~Resolver();

  // dns where there is no address, and what else a lookup can fail with; why the scope was cancelled.
  Task<Result<DnsAddresses>> resolve(const std::string* host, TransportDns times);

  // Its threads, for the runtime.
  const std::shared_ptr<WorkerPool>& workers() const noexcept { return workers_; }

 private:
  class Lookup;
  class Landing;
  using Flight = Ref<Lookup>;

  Flight flight_to(const std::string& host);
  void pump() noexcept;
  Status run(Lookup& lookup) noexcept;
  void withdraw(Lookup& lookup) noexcept;
  void came_home(Lookup& lookup) noexcept;
  void hangs(Lookup& lookup) noexcept;
  void land(Lookup& lookup, Status status) noexcept;
  void remember(Lookup& lookup) noexcept;
  std::size_t room() const noexcept;

  Loop& loop_;
  const ResolverOptions options_;
  DnsMetrics metrics_;
  DnsCache cache_;
  std::unordered_map<std::string, Flight> flights_;  // of each host, the one that others may join
  IntrusiveList<Lookup> waiting_;                    // for a thread
  std::size_t threads_ = 1;
  std::size_t running_ = 0;  // zombies too
  std::size_t zombies_ = 0;
  const std::shared_ptr<WorkerPool> workers_;
};

}  // namespace tidegate::internal
