// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cache.hpp"
#include "executor.hpp"
#include "gate.hpp"
#include "guard.hpp"
#include "objects.hpp"
#include "options.hpp"
#include "settings.hpp"
#include "start.hpp"
#include "user_call.hpp"

namespace tidegate::c {
namespace {

constexpr char kExecutorType[] = "tidegate_executor";
constexpr std::int32_t kMostConcurrency = 1000;

Duration query_timeout(const Config& config, std::string_view lane) {
  return setting(config, lane,
                 [](const auto& source) { return source.duration("executor.query_timeout"); });
}

// What queries and calls have in common: sets `call` up, starts it into the page if there is one,
// and gives out the handle. `timeout` is the lane's; `fallback` makes a value of the option.
template <class T, class Options, class Fallback>
Status start(Call<T> call, Duration timeout, std::shared_ptr<UserCall> user_call,
             const Options& options, Fallback fallback, tidegate_op** out) {
  if (options.timeout_ms < 0 || options.timeout_ms > kMostTimeoutMs) {
    return bad_argument("timeout_ms must be 0, or 1 to 86400000: a day");
  }
  call.timeout(options.timeout_ms > 0 ? std::chrono::milliseconds(options.timeout_ms) : timeout);
  if (options.label) call.label(options.label);
  if (options.use_fallback) {
    Result<T> value = fallback();
    if (!value.ok()) return value.status();
    call.fallback(std::move(value).value());
  }
  const Pin page(options.page);
  if (options.page && !page) return no_handle(options.page, "options.page");
  if (page) call.deadline(page->deadline);

  const auto gives = std::is_same_v<T, Rows> ? OpState::Gives::kRows : OpState::Gives::kBlob;
  OpRef op(internal::OperationRef::adopt(new OpState(gives, std::move(user_call))));
  start_op(std::move(op), page ? &*page : nullptr, [&] { return call.start().state(); }, out);
  return Status();
}

// That of the setting executor.gate for a lane of this name, if it names one.
std::optional<Gate> gate_of_setting(const Config& config, std::string_view lane) {
  return setting(config, lane, [](const auto& source) -> std::optional<Gate> {
    const std::string name = source.text("executor.gate");
    return name.empty() ? std::nullopt : std::optional(Gate::named(source, name));
  });
}

Status fitness(const std::optional<Gate>& gate) { return gate ? gate->status() : Status(); }

Status add_callables(ExecutorObject& executor, const char* lane, std::int32_t concurrency,
                     std::optional<Gate> gate) {
  if (!lane || !*lane) return bad_argument("the lane has no name");
  if (concurrency < 0 || concurrency > kMostConcurrency) {
    return bad_argument("concurrency must be 0, or 1 to 1000");
  }
  if (!gate) gate = gate_of_setting(executor.config, lane);
  if (Status unfit = fitness(gate); !unfit.ok()) return unfit;
  const std::int64_t most =
      concurrency > 0 ? concurrency : setting(executor.config, lane, [](const auto& source) {
        return source.integer("executor.callable_concurrency");
      });
  return executor.add(
      lane, executor.executor.callables(lane, static_cast<std::size_t>(most), std::move(gate)),
      query_timeout(executor.config, lane));
}

Status put_behind_cache(Query& query, const tidegate_query_options& options) {
  const auto within = [](std::int64_t life) { return life >= 0 && life <= kMostLifeMs; };
  if (!within(options.ttl_ms) || !within(options.stale_for_ms)) {
    return bad_argument("ttl_ms and stale_for_ms must be 0, or 1 to 31536000000: a year");
  }
  if (!options.cache) {
    if (options.ttl_ms == 0 && options.stale_for_ms == 0) return Status();
    return bad_argument("ttl_ms and stale_for_ms are those of an answer in options.cache");
  }
  const Pin cache(options.cache);
  if (!cache) return no_handle(options.cache, "options.cache");
  LoadOptions life;
  if (options.ttl_ms) life.ttl(std::chrono::milliseconds(options.ttl_ms));
  if (options.stale_for_ms) life.stale_for(std::chrono::milliseconds(options.stale_for_ms));
  query.cache(cache->rows(), life);
  return Status();
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_executor_create(const tidegate_config* handle,
                                         tidegate_executor** executor, tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(executor);
    if (!ready.ok()) return ready;
    const Pin config(handle);
    if (handle && !config) return no_handle(handle, "tidegate_config");
    auto made = std::make_unique<ExecutorObject>(config ? config->config : Config());
    Status fit = fitness(ExecutorOptions::from(made->config).values().gate);
    return fit.ok() ? give(executor, std::move(made)) : fit;
  });
}

void tidegate_executor_destroy(tidegate_executor* handle) {
  guard(nullptr, [&] {
    const Pin executor(handle);
    if (executor && release(handle)) executor->executor.close();
    return Status();
  });
}

tidegate_status tidegate_executor_add_sqlite(tidegate_executor* handle, const char* lane,
                                             const char* path, const tidegate_sqlite_options* given,
                                             tidegate_error** err) {
  return guard(err, [&] {
    const Pin executor(handle);
    if (!executor) return no_handle(handle, kExecutorType);
    if (!lane || !*lane) return bad_argument("the lane has no name");
    if (!path || !*path) return bad_argument("the database has no path");
    tidegate_sqlite_options options = TIDEGATE_SQLITE_OPTIONS_INIT;
    Status status = read_options(given, options);
    if (!status.ok()) return status;
    const Pin config(options.config);
    if (options.config && !config) return no_handle(options.config, "options.config");
    auto settings = setting(config ? config->config : executor->config, lane,
                            [](const auto& source) { return SqliteOptions::from(source); });
    settings.name(lane).writable(options.writable != 0);
    const Pin gate(options.gate);
    if (options.gate && !gate) return no_handle(options.gate, "options.gate");
    if (gate) settings.gate(gate->gate);
    status = fitness(settings.values().gate);
    if (!status.ok()) return status;
    return executor->add(lane, executor->executor.sqlite(path, settings),
                         query_timeout(executor->config, lane));
  });
}

tidegate_status tidegate_executor_add_callables(tidegate_executor* handle, const char* lane,
                                                int32_t concurrency, tidegate_error** err) {
  return guard(err, [&] {
    const Pin executor(handle);
    if (!executor) return no_handle(handle, kExecutorType);
    return add_callables(*executor, lane, concurrency, std::nullopt);
  });
}

tidegate_status tidegate_executor_add_gated_callables(tidegate_executor* handle, const char* lane,
                                                      int32_t concurrency,
                                                      tidegate_gate* gate_handle,
                                                      tidegate_error** err) {
  return guard(err, [&] {
    const Pin executor(handle);
    if (!executor) return no_handle(handle, kExecutorType);
    const Pin gate(gate_handle);
    if (!gate) return no_handle(gate_handle, "tidegate_gate");
    return add_callables(*executor, lane, concurrency, gate->gate);
  });
}

tidegate_status tidegate_executor_query(tidegate_executor* handle, const char* lane,
                                        const char* sql, const tidegate_params* params_handle,
                                        const tidegate_query_options* given, tidegate_op** op,
                                        tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(op);
    if (!status.ok()) return status;
    const Pin executor(handle);
    if (!executor) return no_handle(handle, kExecutorType);
    auto database = executor->lane<Database>(lane);
    if (!database.ok()) return database.status();
    if (!sql) return bad_argument("the SQL is NULL");
    const Pin params(params_handle);
    if (params_handle && !params) return no_handle(params_handle, "tidegate_params");
    tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
    status = read_options(given, options);
    if (!status.ok()) return status;
    const auto fallback = [&]() -> Result<Rows> {
      if (!options.fallback) return Rows();
      const Pin rows(options.fallback);
      if (!rows) return no_handle(options.fallback, "options.fallback");
      return rows->rows;
    };
    Query query = database->lane.query(sql, params ? params->params : Params());
    status = put_behind_cache(query, options);
    if (!status.ok()) return status;
    return start<Rows>(std::move(query), database->timeout, nullptr, options, fallback, op);
  });
}

tidegate_status tidegate_executor_call(tidegate_executor* handle, const char* lane,
                                       tidegate_call_fn fn, void* user, tidegate_free_fn user_free,
                                       const tidegate_call_options* given, tidegate_op** op,
                                       tidegate_error** err) {
  return guard(err, [&] {
    UserData data(user, user_free);
    Status status = clear(op);
    if (!status.ok()) return status;
    const Pin executor(handle);
    if (!executor) return no_handle(handle, kExecutorType);
    auto callables = executor->lane<Callables>(lane);
    if (!callables.ok()) return callables.status();
    if (!fn) return bad_argument("the callable is NULL");
    tidegate_call_options options = TIDEGATE_CALL_OPTIONS_INIT;
    status = read_options(given, options);
    if (!status.ok()) return status;
    const auto fallback = [&]() -> Result<BlobPtr> {
      if (!options.fallback) return std::make_shared<const Blob>(std::string());
      const Pin bytes(options.fallback);
      if (!bytes) return no_handle(options.fallback, "options.fallback");
      return bytes->blob;
    };
    auto call = std::make_shared<UserCall>(fn, std::move(data));
    return start<BlobPtr>(
        callables->lane.call([call](const StopSignal& stop) { return call->run(stop); }),
        callables->timeout, call, options, fallback, op);
  });
}

int tidegate_stop_requested(const tidegate_stop* handle) {
  const StopObject* stop = peek(handle);
  return !stop || stop->signal.stopped() ? 1 : 0;
}

int64_t tidegate_stop_left_ms(const tidegate_stop* handle) {
  const StopObject* stop = peek(handle);
  return stop ? to_ms(stop->signal.deadline().left()) : 0;
}
