// SPDX-License-Identifier: Apache-2.0
#include "tidegate/cache.hpp"

#include <cxxabi.h>

#include <new>
#include <utility>

#include "cache/load_reply.hpp"
#include "cache/lookup.hpp"
#include "cache/process_cache.hpp"
#include "cache/schedule.hpp"

namespace tidegate::internal {

namespace {

void run_loader(Loader& loader, LoadContext& load) {
  try {
    loader.run(load);
  } catch (...) {
    load_threw(load);
  }
}

bool restored(Loader& loader, LoadContext& load) {
  try {
    return loader.restore(load);
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    load_could_not_read(load);
    return false;
  }
}

// Runs a loader of the user's: on the cache's threads where it may block.
class PoolLoader final : public CacheLoader {
 public:
  PoolLoader(std::shared_ptr<WorkerPool> workers, std::shared_ptr<Loader> loader) noexcept
      : workers_(std::move(workers)), loader_(std::move(loader)) {}

  void start(LoadTicket ticket) noexcept override try {
    LoadContext load(std::make_shared<LoadReply>(std::move(ticket)));
    const bool has_stored = stored_of(load) != nullptr;
    const Restoring how = loader_->restoring();
    if (has_stored && how == Restoring::kAtOnce && restored(*loader_, load)) return;
    const bool restores_there = has_stored && how == Restoring::kOnThread;
    if (!loader_->blocks() && !restores_there) return run_loader(*loader_, load);
    const Status started = workers_->run([loader = loader_, load, restores_there]() mutable {
      if (restores_there && restored(*loader, load)) return;
      run_loader(*loader, load);
    });
    if (!started.ok()) load_failed(load, started);
  } catch (const std::bad_alloc&) {
    return;  // the ticket has failed the load
  }

 private:
  const std::shared_ptr<WorkerPool> workers_;
  const std::shared_ptr<Loader> loader_;
};

EntryOptions entry_of(const CacheCore& core, const LoadOptions& options) {
  EntryOptions entry = core.settings().entry;
  entry.ttl = options.ttl().value_or(entry.ttl);
  entry.stale_for = options.stale_for().value_or(entry.stale_for);
  return entry;
}

class TypedLookup final : public Lookup {
 public:
  TypedLookup(std::shared_ptr<CacheCore> core, std::string key, const LookupOptions& options,
              std::shared_ptr<CacheLoader> loader, std::unique_ptr<HitResult> place)
      : Lookup(std::move(core), std::move(key), options, std::move(loader)),
        place_(std::move(place)) {}
  const void* result() const noexcept override { return place_->result(); }

 private:
  void deliver(Result<CacheAnswer> answer) noexcept override {
    const TimePoint now = Deadline::now();
    const Timings timings{
        .submitted = begun(), .queued = {}, .ran = now - begun(), .settled_at = now};
    if (!answer.ok()) return place_->deliver(answer.status().with_elapsed(timings.elapsed()));
    place_->deliver(CacheHit{.value = answer->value.release(),
                             .source = answer->source,
                             .is_due = false,
                             .age = answer->age,
                             .version = answer->version,
                             .timings = timings,
                             .reason = std::move(answer->reason)});
  }

  const std::unique_ptr<HitResult> place_;
};

}  // namespace

std::shared_ptr<CacheHome> make_cache(const CacheOptions& options, bool has_codec) {
  return std::make_shared<CacheHome>(options, has_codec);
}

Status status(CacheHome& cache) { return cache.status(); }

OperationRef get_or_load(CacheHome& cache, std::string key, std::shared_ptr<Loader> loader,
                         const LoadOptions& options, std::unique_ptr<HitResult> place) {
  ProcessCache& here = cache.here();
  const Deadline bound = Deadline::after(cache.options().load_timeout);
  auto soft = options.soft_timeout();
  if (!soft) soft = cache.options().soft_timeout;
  auto* const lookup = new TypedLookup(
      here.core(), std::move(key),
      {.deadline = options.deadline().earlier(bound),
       .soft_timeout = soft,
       .entry = entry_of(*here.core(), options)},
      std::make_shared<PoolLoader>(here.workers(), std::move(loader)), std::move(place));
  return cache.status().ok() ? lookup->look_up() : lookup->refuse(cache.status());
}

std::optional<CacheHit> get(CacheHome& cache, std::string_view key, bool stale_too,
                            Look look) noexcept {
  if (!cache.status().ok()) return std::nullopt;
  CacheCore& core = *cache.here().core();
  const TimePoint now = core.now();
  Found found = core.find(key, core.store().hash(key), now, look);
  if (!found.fresh() && !(stale_too && found.stale())) return std::nullopt;
  // Made where it goes: a copy would read what was just written in other widths, which stalls.
  return std::optional<CacheHit>(std::in_place, found.value.release(),
                                 found.fresh() ? Source::kCached : Source::kStale, found.is_due,
                                 now - found.stored_at, found.version);
}

CacheValue* get_fresh(CacheHome& cache, std::string_view key, bool* is_due, Look look) noexcept {
  CacheCore& core = *cache.here().core();
  const TimePoint now = core.now();
  Found found = core.find(key, core.store().hash(key), now, look);
  if (!found.fresh()) return nullptr;
  *is_due = found.is_due;
  return found.value.release();
}

bool wants_encoded(CacheHome& cache) noexcept { return !cache.options().redis.empty(); }

std::uint64_t put(CacheHome& cache, std::string_view key, CacheValue* value, std::size_t weight,
                  std::optional<Encoded> encoded, const LoadOptions& options) {
  Loaded loaded;
  loaded.value = Ref<CacheValue>::adopt(value);
  loaded.weight = weight;
  loaded.encoded = std::move(encoded);
  if (!cache.status().ok()) return 0;
  CacheCore& core = *cache.here().core();
  return core.put(key, loaded, entry_of(core, options));
}

bool invalidate(CacheHome& cache, std::string_view key, std::uint64_t version, bool keeps_stale) {
  return cache.status().ok() && cache.here().core()->invalidate(key, version, keeps_stale);
}

void invalidate_all(CacheHome& cache, bool keeps_stale) {
  if (cache.status().ok()) cache.here().core()->invalidate_all(keeps_stale);
}

CacheRefresh refresh_every(CacheHome& cache, std::string key, std::shared_ptr<Loader> loader,
                           Duration period, const LoadOptions& options) {
  if (!cache.status().ok()) return CacheRefresh();
  ProcessCache& here = cache.here();
  const std::uint64_t seed = here.core()->store().hash(key);  // another one in each process
  const auto schedule = std::make_shared<Schedule>(
      here.core(), std::move(key), std::make_shared<PoolLoader>(here.workers(), std::move(loader)),
      entry_of(*here.core(), options), period, seed);
  Schedule::start(schedule);
  return CacheRefresh(schedule);
}

CacheStats stats(CacheHome& cache) { return cache.here().core()->stats(); }

void for_each_value(CacheHome& cache, const std::function<void(const CacheValue&)>& visit) {
  if (const auto here = cache.peek()) here->core()->store().for_each(visit);
}

}  // namespace tidegate::internal
