// SPDX-License-Identifier: Apache-2.0
//
// Executor: runs queries and blocking callables, each to its deadline.
//
//   tidegate::Executor ex;
//   auto db = ex.sqlite("cars.db");
//   auto cars = db.query("SELECT * FROM listings WHERE make = :make LIMIT 4",
//                        tidegate::Params().set("make", "Audi"))
//                   .timeout(15s).fallback(tidegate::Rows{}).start();
//   tidegate::Result<tidegate::Answer<tidegate::Rows>> answer = cars.wait();
//   if (answer.ok() && answer->source == tidegate::Source::kFresh) …
//
// What it promises
//   * A query ends by its deadline, whatever its engine does: a thread of its own keeps the time.
//     The deadline counts from start(), waiting included.
//   * Late work is really stopped (SQLite within 1,000 steps) and its permit is back at once. A
//     call that does not stop is a *zombie*: counted, listed in stats(), and bounded by
//     `zombies_per_permit`; past the bound new calls are shed at once, but one a second.
//   * Whatever fails, the answer is typed: the fresh value, the fallback marked kDefault with its
//     reason, or a Status.
//   * A lane (one database, one named group of callables) never takes more than its `concurrency`,
//     and all lanes together never more than `max_running`; permits go round-robin among the lanes
//     that wait.
//   * Who waits is served by the earliest deadline; while the lane is overloaded, the newest first.
//     A query that could not run before its deadline is refused when it is submitted (kAdmission),
//     not when it is late.
//   * Where a lane has a gate (gate.hpp), each of its calls goes through it when it would start.
//     What the gate refuses is refused with the gate's Status, as soon as that is known; its breaker
//     learns what came of the call, a deadline that passed while it ran included. The gate's slot is
//     free when the lane's permit is. No thread waits; the next call has a permit of the lane, and so
//     one of max_running, while it stands in the gate's line, and only it does.
//
// Thread-safety: everything here may be used from any thread. start() never blocks. Destroying an
// Executor with queries in flight is legal: they end with kClosed. After fork() an Executor made
// before works in the child, empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "tidegate/answer.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/config.hpp"
#include "tidegate/gate.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/rows.hpp"
#include "tidegate/work.hpp"

namespace tidegate {

namespace internal {
class ExecutorHome;
class Scheduler;
}  // namespace internal

// One call that has not started yet: set what it needs, then start(). T is what it yields.
template <class T>
class Call {
 public:
  using value_type = T;
  using MakeWork = std::function<std::unique_ptr<internal::TypedWork<T>>()>;

  using MakeKey = std::function<std::string()>;

  Call(std::shared_ptr<internal::LaneRef> lane, MakeWork make, MakeKey make_key = nullptr)
      : lane_(std::move(lane)), make_(std::move(make)), make_key_(std::move(make_key)) {}

  // From start(); the executor's `query_timeout` (15 s) if it is not set. Not more than a day.
  Call& timeout(Duration timeout) {
    timeout_ = timeout;
    return *this;
  }
  // An absolute bound, for example a page's; the earlier of the two counts.
  Call& deadline(Deadline deadline) {
    deadline_ = deadline_.earlier(deadline);
    return *this;
  }
  // What to answer with (Source::kDefault) when there is no fresh value in time.
  Call& fallback(T value) {
    fallback_ = std::move(value);
    return *this;
  }
  // A name for messages: "query 'newest' …". It must hold no secret.
  Call& label(std::string label) {
    label_ = std::move(label);
    return *this;
  }
  // A callable that makes the fallback from the failure's Status. It runs on a lane of its own,
  // never on a thread that keeps deadlines, and inside the same deadline: a tenth of the timeout,
  // 500 ms at most, is kept back for it. If it throws, fails or is late, the answer is the first
  // failure.
  Call& fallback_call(std::function<Result<T>(const Status&)> make) {
    fallback_call_ = std::move(make);
    return *this;
  }

  // Of a query: answer with what `cache` has of it, by Database::key(); what is not there is queried
  // once for all who want it, and kept. So the answer is kCached with its age, kStale with the
  // reason where the query fails or is late, or kFresh; without one of these comes the fallback.
  // The deadline is that of the wait: a query that is late for one of its callers goes on for the
  // others and for the cache, by the executor's `query_timeout` and the cache's `load_timeout`.
  // Throws std::logic_error for what is no query.
  Call& cache(TypedCache<T> cache, const LoadOptions& options = {}) {
    if (!make_key_) throw std::logic_error("cache() is for queries: a callable has no key");
    cache_.emplace(std::move(cache), options);
    return *this;
  }

  Operation<Answer<T>> start() const;

 private:
  internal::OperationRef begin(Deadline deadline) const;

  std::shared_ptr<internal::LaneRef> lane_;
  MakeWork make_;
  MakeKey make_key_;
  std::optional<std::pair<TypedCache<T>, LoadOptions>> cache_;
  std::optional<Duration> timeout_;
  Deadline deadline_;
  std::optional<T> fallback_;
  std::string label_;
  std::function<Result<T>(const Status&)> fallback_call_;
};

using Query = Call<Rows>;

struct LaneStats {
  std::size_t queued = 0;
  std::size_t running = 0;  // permits in use
  std::size_t at_gate = 0;  // of them, by the call that waits for the lane's gate
  std::size_t zombies = 0;
  std::size_t threads = 0;
};

// A database of an executor. A handle; copies name the same one.
class Database {
 public:
  explicit Database(std::shared_ptr<internal::LaneRef> lane) noexcept : lane_(std::move(lane)) {}
  // One statement that only reads. Refused with kBadArgument or kQueryError, never thrown.
  Query query(std::string sql, Params params = {}) const;
  // Its key in the cache that is given to Call::cache(): of the file, the SQL text and the
  // parameters, each by value and type. To invalidate it, or to refresh it on a schedule.
  std::string key(std::string_view sql, const Params& params = {}) const;
  LaneStats stats() const;

 private:
  std::shared_ptr<internal::LaneRef> lane_;
};

// A named group of blocking callables. A handle; copies name the same one.
class Callables {
 public:
  explicit Callables(std::shared_ptr<internal::LaneRef> lane) noexcept : lane_(std::move(lane)) {}

  // `callable` takes nothing or a `const StopSignal&`, and returns a T, a Result<T> or nothing; it
  // must be copyable. An exception becomes kCallableFailed.
  template <class F>
  Call<internal::CallableValue<F>> call(F callable) const {
    using T = internal::CallableValue<F>;
    return Call<T>(lane_,
                   [callable = std::move(callable)]() -> std::unique_ptr<internal::TypedWork<T>> {
                     return std::make_unique<internal::CallableWork<F>>(callable);
                   });
  }
  LaneStats stats() const;

 private:
  std::shared_ptr<internal::LaneRef> lane_;
};

// A lane whose work runs on threads of the caller's own: those of a language runtime, or threads
// with state. The library counts and bounds them, and keeps the deadlines; the caller keeps what a
// tag means.
//
//   bool start_one;
//   auto op = lane.submit(tag, {}, &start_one);          // any thread
//   if (start_one) start_a_thread();
//
//   auto worker = lane.enter();                          // in each of those threads
//   while (auto task = worker.pull()) {
//     if (task->spare_wanted) start_a_thread();
//     worker.finish(*task, run(task->tag));
//   }
class External {
 public:
  struct Options {
    std::optional<Duration> timeout;
    Deadline deadline = Deadline::never();
    std::string label;
    // Goes with the task, and away with it, on whatever thread that is.
    std::shared_ptr<void> attached = nullptr;
  };

  struct Task {
    std::uint64_t tag = 0;
    std::shared_ptr<void> attached;
    // No other thread waits in pull(): start one, or a stuck task holds up the next. Whoever starts
    // none calls not_started().
    bool spare_wanted = false;
    internal::OperationRef operation;
    // True once nobody waits for the task any more.
    bool stopped() const noexcept { return operation->claimed(); }
  };

  // What the lane's gate learns of a task, where that is more than its outcome's cause: the answer of
  // a service, or with `http_status` 0 another cause.
  struct Lesson {
    int http_status = 0;
    std::optional<Duration> retry_after = std::nullopt;
    Cause cause = Cause::kNone;
  };

  // One of the caller's threads, from enter() until it is destroyed.
  class Worker {
   public:
    ~Worker();
    Worker(Worker&& other) noexcept;
    Worker& operator=(Worker&&) = delete;

    // Blocks until there is work. Empty when this thread should end: the lane was closed, the
    // runtime quiesces, or there are threads enough without it.
    std::optional<Task> pull();

    // The same, without blocking and also where there are threads enough: for an event loop, which
    // runs many tasks on one thread.
    std::optional<Task> try_pull();

    // Ends the task; true if its caller still waited: then the operation yields the tag. False in a
    // child process for a task of its parent's. REQUIRES: pulled here.
    bool finish(const Task& task, const Status& outcome);
    bool finish(const Task& task, const Status& outcome, const Lesson& lesson);

   private:
    friend class External;
    Worker(std::shared_ptr<internal::LaneRef> lane, internal::Scheduler& scheduler,
           std::uint64_t epoch) noexcept;
    bool of_this_process() const;
    std::shared_ptr<internal::LaneRef> lane_;
    internal::Scheduler* scheduler_;
    std::uint64_t epoch_;
    bool has_left_ = false;  // the lane counts it no more
  };

  explicit External(std::shared_ptr<internal::LaneRef> lane) noexcept : lane_(std::move(lane)) {}

  // `start_one` tells whether the caller should start a thread now; it then must, or call
  // not_started(). Null where it can start none: then whoever pulls is asked for all that is wanted.
  Operation<Answer<std::uint64_t>> submit(std::uint64_t tag, Options options,
                                          bool* start_one) const;

  Worker enter() const;
  void not_started() const;
  LaneStats stats() const;

 private:
  std::shared_ptr<internal::LaneRef> lane_;
};

class ExecutorOptions {
 public:
  // Calls that run at once in all lanes together. 64.
  ExecutorOptions& max_running(std::size_t count);
  // Calls that wait at once in one lane; the next is refused with kQueueFull. 1,000.
  ExecutorOptions& queue(std::size_t count);
  // The timeout of a call that sets none. 15 s.
  ExecutorOptions& query_timeout(Duration timeout);
  // How many given-up calls may still run for each permit of a lane. 2.
  ExecutorOptions& zombies_per_permit(std::size_t count);
  // What the calls of each lane go through that has no gate of its own. None.
  ExecutorOptions& gate(Gate gate);
  // The keys `executor.*`.
  static ExecutorOptions from(const Config& config);

  struct Values {
    std::size_t max_running = 64, queue = 1000, zombies_per_permit = 2;
    Duration query_timeout = std::chrono::seconds(15);
    std::optional<Gate> gate;
  };
  const Values& values() const noexcept { return values_; }

 private:
  Values values_;
};

class SqliteOptions {
 public:
  // Queries at once; each has a thread and a connection of its own. 4.
  SqliteOptions& concurrency(std::size_t count);
  // Bounds on one result; past them kTooLarge. 100,000 rows, 64 MiB.
  SqliteOptions& max_rows(std::size_t count);
  SqliteOptions& max_bytes(std::size_t count);
  // How long a query waits for a lock, within its deadline. 1 s.
  SqliteOptions& busy_timeout(Duration timeout);
  // The largest text or blob, also inside functions, so that one call cannot hold a thread for
  // long. 16 MiB.
  SqliteOptions& max_value_bytes(std::size_t count);
  // Statements may write, and a missing file is created. Off.
  SqliteOptions& writable(bool on = true);
  // The lane's name in stats and messages; the file's name without its ending if it is not set.
  SqliteOptions& name(std::string name);
  // What each query goes through; the executor's if it is not set.
  SqliteOptions& gate(Gate gate);
  // The keys `sqlite.*`, those of a named service first.
  static SqliteOptions from(const Service& service);
  static SqliteOptions from(const Config& config);

  struct Values {
    std::size_t concurrency = 4, max_rows = 100'000, max_bytes = 64u << 20,
                max_value_bytes = 16u << 20;
    Duration busy_timeout = std::chrono::seconds(1);
    bool writable = false;
    std::string name;
    std::optional<Gate> gate;
  };
  const Values& values() const noexcept { return values_; }

 private:
  Values values_;
};

class Executor {
 public:
  explicit Executor(const ExecutorOptions& options = {});
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // A lane over an SQLite file, opened read-only by the first query of each thread. A file that is
  // replaced, deleted or broken meanwhile is noticed by the next query, and its return too.
  Database sqlite(std::string path, const SqliteOptions& options = {});

  // A lane for blocking C++ callables; 16 at once by default. Each goes through `gate`, or through
  // the executor's.
  Callables callables(std::string name, std::size_t concurrency = 16,
                      std::optional<Gate> gate = std::nullopt);

  // A lane for callables that run on the caller's threads.
  External external(std::string name, std::size_t concurrency = 16,
                    std::optional<Gate> gate = std::nullopt);

  // Ends all calls with kClosed and refuses later ones. Does not wait.
  void close();

 private:
  std::shared_ptr<internal::ExecutorHome> home_;
};

namespace internal {

// The value of a cached call, or its fallback.
template <class T>
class CachedResult final : public HitResult {
 public:
  explicit CachedResult(std::optional<T> fallback) noexcept : fallback_(std::move(fallback)) {}

  void deliver(Result<CacheHit> hit) noexcept override {
    if (hit.ok()) {
      result_.emplace(take_answer<T>(std::move(hit).value()));
    } else if (fallback_ && hit.status().cause() != Cause::kCancelled) {
      const TimePoint now = Deadline::now();
      const Timings timings{
          .submitted = begun_, .queued = {}, .ran = now - begun_, .settled_at = now};
      result_.emplace(Answer<T>(*std::move(fallback_), Source::kDefault, timings, hit.status()));
    } else {
      result_.emplace(hit.status());
    }
  }
  const void* result() const noexcept override { return &*result_; }

 private:
  std::optional<T> fallback_;
  const TimePoint begun_ = Deadline::now();
  std::optional<Result<Answer<T>>> result_;
};

// Loads a value of a cache by a call, which keeps the cache's deadline.
template <class T>
class CallLoader final : public Loader {
 public:
  explicit CallLoader(Call<T> call) : call_(std::move(call)) {}
  bool blocks() const noexcept override { return false; }
  void run(LoadContext& load) override {
    Call<T> call = call_;
    const auto operation = call.deadline(load.deadline()).start();
    operation.on_done([load](const Result<Answer<T>>& result) mutable {
      if (!result.ok()) return load_failed(load, result.status());
      load_returned<T>(load, result->value);
    });
  }
  bool restore(LoadContext& load) override {
    if constexpr (HasCodec<T>) {
      return restore_stored<T>(load);
    } else {
      return false;
    }
  }
  Restoring restoring() const noexcept override {
    return HasCodec<T> ? Restoring::kOnThread : Restoring::kByRun;
  }

 private:
  const Call<T> call_;
};

}  // namespace internal

template <class T>
internal::OperationRef Call<T>::begin(Deadline deadline) const {
  if (!cache_) {
    auto work = make_();
    work->fallback = fallback_;
    return internal::submit({lane_, std::move(work), label_, deadline, timeout_});
  }
  LoadOptions options = cache_->second;
  options.deadline(internal::whole_deadline(*lane_, deadline, timeout_));
  Call load(lane_, make_);
  load.label(label_);
  return internal::get_or_load(cache_->first.home(), make_key_(),
                               std::make_shared<internal::CallLoader<T>>(std::move(load)), options,
                               std::make_unique<internal::CachedResult<T>>(fallback_));
}

template <class T>
Operation<Answer<T>> Call<T>::start() const {
  if (!fallback_call_) return Operation<Answer<T>>(begin(deadline_));
  return Operation<Answer<T>>(internal::start_with_fallback(
      *lane_, label_, internal::whole_deadline(*lane_, deadline_, timeout_),
      [this](Deadline deadline) { return begin(deadline); },
      std::make_unique<internal::FallbackWork<T>>(fallback_call_)));
}

}  // namespace tidegate
