// SPDX-License-Identifier: Apache-2.0
// The options of executors and databases, and the configuration keys that set them.
#include <algorithm>
#include <string>
#include <utility>

#include "base/config_count.hpp"
#include "tidegate/query.hpp"

namespace tidegate {

namespace {

using internal::count;

// That of the setting executor.gate.
template <class Options, class Source>
Options behind_gate(Options options, const Source& source) {
  const std::string name = source.text("executor.gate");
  return name.empty() ? options : options.gate(Gate::named(source, name));
}

template <class Source>
SqliteOptions sqlite_options(const Source& source) {
  return behind_gate(SqliteOptions(), source)
      .concurrency(count(source, "sqlite.concurrency"))
      .max_rows(count(source, "sqlite.max_rows"))
      .max_bytes(count(source, "sqlite.max_bytes"))
      .max_value_bytes(count(source, "sqlite.max_value_bytes"))
      .busy_timeout(source.duration("sqlite.busy_timeout"));
}

}  // namespace

ExecutorOptions& ExecutorOptions::max_running(std::size_t calls) {
  values_.max_running = std::max<std::size_t>(1, calls);
  return *this;
}
ExecutorOptions& ExecutorOptions::queue(std::size_t calls) {
  values_.queue = calls;
  return *this;
}
ExecutorOptions& ExecutorOptions::query_timeout(Duration timeout) {
  values_.query_timeout = timeout;
  return *this;
}
ExecutorOptions& ExecutorOptions::zombies_per_permit(std::size_t calls) {
  values_.zombies_per_permit = calls;
  return *this;
}
ExecutorOptions& ExecutorOptions::gate(Gate gate) {
  values_.gate = std::move(gate);
  return *this;
}
ExecutorOptions ExecutorOptions::from(const Config& config) {
  return behind_gate(ExecutorOptions(), config)
      .max_running(count(config, "executor.max_running"))
      .queue(count(config, "executor.queue"))
      .query_timeout(config.duration("executor.query_timeout"))
      .zombies_per_permit(count(config, "executor.zombies_per_permit"));
}

SqliteOptions& SqliteOptions::concurrency(std::size_t queries) {
  values_.concurrency = std::max<std::size_t>(1, queries);
  return *this;
}
SqliteOptions& SqliteOptions::max_rows(std::size_t rows) {
  values_.max_rows = rows;
  return *this;
}
SqliteOptions& SqliteOptions::max_bytes(std::size_t bytes) {
  values_.max_bytes = bytes;
  return *this;
}
SqliteOptions& SqliteOptions::busy_timeout(Duration timeout) {
  values_.busy_timeout = timeout;
  return *this;
}
SqliteOptions& SqliteOptions::max_value_bytes(std::size_t bytes) {
  values_.max_value_bytes = bytes;
  return *this;
}
SqliteOptions& SqliteOptions::writable(bool on) {
  values_.writable = on;
  return *this;
}
SqliteOptions& SqliteOptions::name(std::string name) {
  values_.name = std::move(name);
  return *this;
}
SqliteOptions& SqliteOptions::gate(Gate gate) {
  values_.gate = std::move(gate);
  return *this;
}
SqliteOptions SqliteOptions::from(const Service& service) { return sqlite_options(service); }
SqliteOptions SqliteOptions::from(const Config& config) { return sqlite_options(config); }

}  // namespace tidegate
