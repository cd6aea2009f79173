// SPDX-License-Identifier: Apache-2.0
//
// What a test of the cache's core needs: a loader that answers when and as it is told, and a lookup
// that keeps its answer.
#pragma once

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cache/lookup.hpp"
#include "support/loop_clock.hpp"
#include "support/sim_loop.hpp"
#include "tidegate/load.hpp"

namespace tidegate::test {

// A value of the tests: a number, which says which load made it.
inline internal::Ref<internal::CacheValue> make_number(int number) {
  return internal::Ref<internal::CacheValue>::adopt(new internal::TypedValue<int>(number));
}
inline int number_of(const internal::Ref<internal::CacheValue>& value) {
  return internal::TypedValue<int>::of(*value);
}

// Each load takes `latency` and then brings the number of the load, or fails with `failure`. What
// the tier has is restored at once, or offered where it is stale.
class ScriptedLoader final : public internal::CacheLoader {
 public:
  explicit ScriptedLoader(internal::Loop& loop) noexcept : loop_(loop) {}
  ~ScriptedLoader() override = default;

  Duration latency{};
  Status failure;
  bool drops_ticket = false;
  std::function<void(internal::Loaded&)> about = [](internal::Loaded&) {};
  std::function<void()> before_answer = [] {};

  int* numbers = &begun;  // where the number of a load comes from, if several loaders share it
  int restored = 0;
  int offered = 0;

  std::function<void(const internal::Load&)> on_begin = [](auto&) {};
  int doubled = 0;  // begun while another one of the key ran; both would be kept

  int begun = 0;
  int running = 0;
  int most_running = 0;

 private:
  struct Pending final : internal::Timer, internal::Message {
    Pending(ScriptedLoader& of, internal::LoadTicket with) noexcept
        : owner(of), ticket(std::move(with)) {}
    void fired() noexcept override { run(); }
    void run() noexcept override {
      const std::unique_ptr<Pending> gone(this);
      std::erase_if(owner.pending_, [this](const auto& each) { return each.second == this; });
      owner.answer(ticket, number, failure);
    }
    ScriptedLoader& owner;
    internal::LoadTicket ticket;
    int number = 0;
    Status failure;
  };

  void start(internal::LoadTicket ticket) noexcept override {
    if (restore(ticket)) return;
    on_begin(ticket.load());
    ++begun;
    if (numbers != &begun) ++*numbers;
    if (drops_ticket) return;
    most_running = std::max(most_running, ++running);
    auto pending = std::make_unique<Pending>(*this, std::move(ticket));
    pending->number = *numbers;
    pending->failure = failure;
    const auto& key = pending->ticket.load().key();
    const auto [first, last] = pending_.equal_range(key);
    for (auto other = first; other != last; ++other) {
      const internal::Load& load = other->second->ticket.load();
      if (is_kept(load) && is_kept(pending->ticket.load())) ++doubled;
    }
    pending_.emplace(key, pending.get());
    Pending& begun_load = *pending.release();
    if (latency > Duration::zero()) return loop_.arm(begun_load, loop_.now() + latency);
    static_cast<void>(loop_.post(begun_load));
  }
  static bool is_kept(const internal::Load& load) {
    return load.fence().stands() && !load.stopped();
  }
  bool restore(internal::LoadTicket& ticket) {
    const internal::StoredValue* const stored = ticket.load().stored();
    if (!stored) return false;
    int number = 0;
    const char* const end = stored->payload.data() + stored->payload.size();
    if (std::from_chars(stored->payload.data(), end, number).ec != std::errc()) {
      ticket.could_not_read();
      return false;
    }
    const bool has_ended = ticket.restore(make_number(number), 8);
    ++(has_ended ? restored : offered);
    return has_ended;
  }
  void answer(internal::LoadTicket& ticket, int number, const Status& how) {
    --running;
    before_answer();
    if (!how.ok()) return ticket.fail(how);
    internal::Loaded loaded;
    loaded.value = make_number(number);
    loaded.weight = 8;
    if (ticket.load().is_shared()) loaded.encoded = internal::Encoded{std::to_string(number), 0};
    about(loaded);
    ticket.succeed(std::move(loaded));
  }

  internal::Loop& loop_;
  std::multimap<std::string, Pending*> pending_;
};

class TestLookup final : public internal::Lookup {
 public:
  using Lookup::Lookup;
  const void* result() const noexcept override { return &answer; }
  std::optional<Result<internal::CacheAnswer>> answer;
  TimePoint answered_at;

 private:
  void deliver(Result<internal::CacheAnswer> given) noexcept override {
    answer = std::move(given);
    answered_at = loop().now();
  }
};

// A lookup, and a reference to it.
class Asked {
 public:
  Asked(const std::shared_ptr<internal::CacheCore>& core, const std::string& key,
        const std::shared_ptr<internal::CacheLoader>& loader, internal::LookupOptions options) {
    options.entry = core->settings().entry;
    auto* const made = new TestLookup(core, key, options, loader);
    state_ = made->look_up();
    lookup_ = made;
  }
  bool done() const { return state_->done(); }
  void cancel() const { state_->cancel(); }
  const Result<internal::CacheAnswer>& answer() const { return *lookup_->answer; }
  TimePoint answered_at() const { return lookup_->answered_at; }
  Cause cause() const { return answer().ok() ? Cause::kNone : answer().status().cause(); }
  int number() const { return number_of(answer()->value); }

 private:
  internal::OperationRef state_;
  TestLookup* lookup_ = nullptr;
};

// A cache on a simulated loop.
struct SimCache {
  explicit SimCache(internal::CacheSettings settings = quiet(), std::uint64_t seed = 0)
      : loop(seed),
        clock(loop),
        loader(std::make_shared<ScriptedLoader>(loop)),
        core(std::make_shared<internal::CacheCore>(std::move(settings), loop, clock)) {}

  // Settings without jitter, so that times are exact.
  static internal::CacheSettings quiet() {
    internal::CacheSettings settings;
    settings.name = "sim";
    settings.entry.jitter = 0;
    settings.store.seed = 1;
    return settings;
  }

  Asked ask(const std::string& key, Deadline deadline = Deadline::never(),
            std::optional<Duration> soft = std::nullopt) {
    return Asked(core, key, loader, {.deadline = deadline, .soft_timeout = soft, .entry = {}});
  }
  Deadline in(Duration time) const { return Deadline::after(time, loop.now()); }
  void pass(Duration time) { loop.drive(in(time)); }

  SimLoop loop;
  LoopClock clock;
  std::shared_ptr<ScriptedLoader> loader;
  std::shared_ptr<internal::CacheCore> core;
};

}  // namespace tidegate::test
