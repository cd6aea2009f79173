// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <utility>

#include "gate/gate_home.hpp"
#include "query/lane_ref.hpp"
#include "query/query_key.hpp"
#include "query/query_work.hpp"
#include "query/sqlite_engine.hpp"
#include "tidegate/query.hpp"

namespace tidegate {

namespace internal {

std::shared_ptr<Scheduler> ExecutorHome::scheduler() {
  const auto& scheduler = scheduler_.get([this] {
    auto made = std::make_shared<Scheduler>(options_);
    Runtime::current().enroll(made);
    return made;
  });
  if (closed_.load(std::memory_order_acquire)) scheduler->close();
  return scheduler;
}

void ExecutorHome::close() {
  closed_.store(true, std::memory_order_release);
  if (auto scheduler = scheduler_.peek()) scheduler->close();
}

LaneSpec ExecutorHome::lane(std::string name, std::size_t concurrency,
                            std::optional<Gate> gate) const {
  LaneSpec spec(std::move(name), concurrency);
  spec.gate = options_.gate;
  if (gate) spec.gate = std::move(gate);
  return spec;
}

std::shared_ptr<LaneRef> ExecutorHome::fallback_lane() {
  constexpr std::size_t kPermits = 4;
  return std::make_shared<LaneRef>(shared_from_this(), LaneSpec("fallback", kPermits), 0);
}

std::uint64_t LaneRef::next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

const LaneRef::Bound& LaneRef::bind() {
  return *bound_.get([this] {
    auto scheduler = home->scheduler();
    if (spec.gate) spec.gate->handle()->here();  // made outside of the scheduler's mutex
    Lane& lane = scheduler->lane(id, spec);
    return std::make_shared<Bound>(Bound{std::move(scheduler), lane});
  });
}

OperationRef submit(Submission submission) {
  const LaneRef::Bound& bound = submission.lane->bind();
  return bound.scheduler->submit(bound.lane, std::move(submission));
}

}  // namespace internal

Executor::Executor(const ExecutorOptions& options)
    : home_(std::make_shared<internal::ExecutorHome>(options)) {}

Executor::~Executor() { close(); }

void Executor::close() { home_->close(); }

Database Executor::sqlite(std::string path, const SqliteOptions& options) {
  SqliteOptions::Values values = options.values();
  if (values.name.empty()) values.name = std::filesystem::path(path).stem().string();
  internal::LaneSpec spec = home_->lane(values.name, values.concurrency, values.gate);
  spec.engine = std::make_shared<internal::SqliteEngine>(std::move(path), values);
  return Database(std::make_shared<internal::LaneRef>(home_, std::move(spec)));
}

Callables Executor::callables(std::string name, std::size_t concurrency, std::optional<Gate> gate) {
  internal::LaneSpec spec = home_->lane(std::move(name), concurrency, std::move(gate));
  return Callables(std::make_shared<internal::LaneRef>(home_, std::move(spec)));
}

External Executor::external(std::string name, std::size_t concurrency, std::optional<Gate> gate) {
  internal::LaneSpec spec = home_->lane(std::move(name), concurrency, std::move(gate));
  spec.external = true;
  return External(std::make_shared<internal::LaneRef>(home_, std::move(spec)));
}

Query Database::query(std::string sql, Params params) const {
  struct Statement {
    std::string sql;
    Params params;
  };
  const auto what = std::make_shared<const Statement>(Statement{std::move(sql), std::move(params)});
  return Query(
      lane_, [what] { return std::make_unique<internal::QueryWork>(what->sql, what->params); },
      [what, db = *this] { return db.key(what->sql, what->params); });
}

std::string Database::key(std::string_view sql, const Params& params) const {
  return internal::query_key(lane_->spec.engine->identity(), sql, params);
}

LaneStats Database::stats() const {
  const auto& bound = lane_->bind();
  return bound.scheduler->stats(bound.lane);
}

LaneStats Callables::stats() const {
  const auto& bound = lane_->bind();
  return bound.scheduler->stats(bound.lane);
}

std::string_view source_name(Source source) noexcept {
  switch (source) {
    case Source::kFresh: return "fresh";
    case Source::kCached: return "cached";
    case Source::kStale: return "stale";
    case Source::kDefault: return "default";
  }
  return "fresh";
}

}  // namespace tidegate
