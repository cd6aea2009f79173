// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.hpp"

#include <netdb.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/text.hpp"

namespace tidegate::internal {

// References: the map's, those of who waits, the worker's, and one of the message on its way home.
class Resolver::Lookup final : public RefCounted,
                               public internal::ListNode<Lookup>,
                               private Message,
                               private Timer {
 public:
  Lookup(Resolver& resolver, const std::string& name)
      : host(name), begun(resolver.loop_.now()), resolver_(resolver), loop_(resolver.loop_) {}

  // On a thread that may block. It comes home in any case.
  void look() noexcept {
    try {
      found = resolver_.options_.look_up(host);
    } catch (const std::bad_alloc&) {
      found.failed = EAI_MEMORY;
    }
    ref();
    if (!loop_.post(*this)) unref();
  }
  void watch() noexcept { loop_.arm(*this, loop_.now() + resolver_.options_.hangs_after); }
  void unwatch() noexcept { loop_.disarm(*this); }
  bool is_queued() const noexcept { return internal::ListNode<Lookup>::linked(); }
  void leave_queue() noexcept { internal::ListNode<Lookup>::unlink(); }

  std::string who() const {
    return "no address for the host '" + one_line(host, 100) + "' after " +
           format_duration(loop_.now() - begun) + ": ";
  }

  const std::string host;
  const TimePoint begun;
  DnsLookup found;  // the worker's until it is home
  bool is_zombie = false;
  // For who waits:
  bool landed = false;
  bool is_absent = false;
  Status status;
  DnsAddresses addresses;
  IntrusiveList<Landing> waiters;

 private:
  ~Lookup() override = default;
  void run() noexcept override {
    resolver_.came_home(*this);
    unref();
  }
  void fired() noexcept override { resolver_.hangs(*this); }

  Resolver& resolver_;
  Loop& loop_;
};

// Parks a flow until the lookup has landed, until `until`, or the flow's scope is cancelled.
class Resolver::Landing final : public Leaf, public internal::ListNode<Landing>, private Timer {
 public:
  Landing(Lookup& lookup, Resolver& resolver, Deadline until) noexcept
      : lookup_(lookup), resolver_(resolver), until_(until) {}
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> flow) noexcept {
    return wait(flow.promise().scope(), flow);
  }
  Cause await_resume() const noexcept { return outcome(); }

  void lookup_landed() noexcept {
    scope()->loop().disarm(*this);
    complete(Cause::kNone);
  }

 private:
  bool wait(Scope& scope, std::coroutine_handle<> flow) noexcept {
    refuse(scope.reason());
    if (!scope.ok()) {
      resolver_.withdraw(lookup_);
      return false;
    }
    if (lookup_.landed || until_.passed(scope.loop().now())) return false;
    park(scope, flow);
    lookup_.waiters.push_back(*this);
    if (!until_.is_never()) scope.loop().arm(*this, until_.time());
    return true;
  }
  void fired() noexcept override {
    internal::ListNode<Landing>::unlink();
    complete(Cause::kNone);
  }
  void on_cancel() noexcept override {
    internal::ListNode<Landing>::unlink();
    scope()->loop().disarm(*this);
    resolver_.withdraw(lookup_);
  }

  Lookup& lookup_;
  Resolver& resolver_;
  const Deadline until_;
};

Resolver::Resolver(Loop& loop, ResolverOptions options)
    : loop_(loop), options_(std::move(options)), workers_(std::make_shared<WorkerPool>(threads_)) {}

Resolver::~Resolver() {
  for (auto& [host, lookup] : flights_) {
    lookup->unwatch();
    lookup->leave_queue();
  }
}

Task<Result<DnsAddresses>> Resolver::resolve(const std::string* host, TransportDns times) {
  threads_ = std::max(threads_, times.threads);
  const DnsCache::Known known = cache_.find(*host, loop_.now(), times);
  using Use = DnsCache::Use;
  if (known.use == Use::kAbsent) {
    metrics_.hits.add();
    co_return known.why;
  }
  if (known.use == Use::kServe || known.use == Use::kRest) {
    (known.use == Use::kServe ? metrics_.hits : metrics_.stale).add();
    co_return known.addresses;
  }
  const Flight lookup = flight_to(*host);
  if (known.use == Use::kRefresh) {
    metrics_.hits.add();
    co_return known.addresses;
  }
  const bool is_stale = known.use == Use::kStale;
  Deadline until = Deadline::never();
  if (is_stale) until = Deadline::at(lookup->begun + options_.patience);
  Landing landing(*lookup, *this, until);
  const Cause woken = co_await landing;
  if (woken != Cause::kNone) {
    co_return Status(woken, "the host '" + one_line(*host, 100) + "' was not found in time");
  }
  if (lookup->landed && lookup->status.ok()) co_return lookup->addresses;
  if (lookup->is_absent || !is_stale) co_return lookup->status;
  metrics_.stale.add();
  co_return known.addresses;
}

Resolver::Flight Resolver::flight_to(const std::string& host) {
  const auto at = flights_.find(host);
  if (at != flights_.end()) return at->second;
  const Flight lookup = Flight::adopt(new Lookup(*this, host));
  flights_.emplace(host, lookup);
  metrics_.lookups.add();
  metrics_.in_flight.add(1);
  waiting_.push_back(*lookup);
  pump();
  return lookup;
}

std::size_t Resolver::room() const noexcept {
  return threads_ + std::min(zombies_, options_.most_zombies);
}

void Resolver::pump() noexcept {
  while (!waiting_.empty() && running_ < room()) {
    Lookup& next = *waiting_.pop_front();
    Status running = run(next);
    if (!running.ok()) land(next, std::move(running));
  }
}

Status Resolver::run(Lookup& lookup) noexcept try {
  workers_->bound(room());
  const std::function<void()> look = [mine = Flight::share(&lookup)] { mine->look(); };
  Status running = workers_->run(look);
  if (!running.ok()) return running;
  ++running_;
  lookup.watch();
  return {};
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "");
}

// One that nobody waits for needs no thread.
void Resolver::withdraw(Lookup& lookup) noexcept {
  if (!lookup.is_queued() || !lookup.waiters.empty()) return;
  lookup.leave_queue();
  land(lookup, Status(Cause::kCancelled, ""));
}

void Resolver::came_home(Lookup& lookup) noexcept {
  --running_;
  metrics_.time.record(loop_.now() - lookup.begun);
  remember(lookup);
  if (lookup.is_zombie) {
    --zombies_;
    metrics_.zombies.add(-1);
    workers_->bound(room());
  } else {
    lookup.unwatch();
    land(lookup, lookup.status);
  }
  pump();
}

// What it has found, for those who wait and for those who come. Of a zombie only addresses count:
// others may have asked since.
void Resolver::remember(Lookup& lookup) noexcept try {
  DnsLookup& found = lookup.found;
  if (!found.addresses.empty()) {
    lookup.addresses = std::make_shared<const std::vector<std::string>>(std::move(found.addresses));
    cache_.found(lookup.host, lookup.addresses, loop_.now());
    return;
  }
  if (lookup.is_zombie) return;
  metrics_.failures.add();
  lookup.status = found.status(lookup.who());
  lookup.is_absent = found.is_absent();
  if (!lookup.is_absent) return cache_.failed(lookup.host, loop_.now());
  cache_.absent(lookup.host, lookup.status, loop_.now());
} catch (const std::bad_alloc&) {
  if (!lookup.addresses) lookup.status = Status(Cause::kNoMemory, "");
}

void Resolver::hangs(Lookup& lookup) noexcept try {
  lookup.is_zombie = true;
  ++zombies_;
  metrics_.zombies.add(1);
  metrics_.failures.add();
  cache_.failed(lookup.host, loop_.now());
  land(lookup, Status(Cause::kDns, lookup.who() + "the resolver does not answer"));
  pump();
} catch (const std::bad_alloc&) {
  land(lookup, Status(Cause::kNoMemory, ""));
}

void Resolver::land(Lookup& lookup, Status status) noexcept {
  const Flight mine = Flight::share(&lookup);
  lookup.landed = true;
  lookup.status = std::move(status);
  metrics_.in_flight.add(-1);
  flights_.erase(lookup.host);
  while (Landing* const waiter = lookup.waiters.pop_front()) waiter->lookup_landed();
}

}  // namespace tidegate::internal
