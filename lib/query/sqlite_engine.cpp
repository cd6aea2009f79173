// SPDX-License-Identifier: Apache-2.0
#include "query/sqlite_engine.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/seed.hpp"
#include "query/sqlite_session.hpp"

namespace tidegate::internal {

namespace {

std::string identity_of(const std::string& path) {
  if (path.empty() || path == ":memory:") return "sqlite:" + std::to_string(fresh_seed());
  std::error_code failed;
  const auto whole = std::filesystem::absolute(path, failed).lexically_normal();
  return "sqlite:" + (failed ? path : whole.string());
}

}  // namespace

SqliteEngine::SqliteEngine(std::string path, SqliteOptions::Values options)
    : opens(Registry::global().counter("sqlite.opens", {{"lane", options.name}},
                                       "Connections opened")),
      ticks(Registry::global().counter("sqlite.progress_ticks", {{"lane", options.name}},
                                       "Times that running statements looked whether to stop")),
      path_(std::move(path)),
      options_(std::move(options)),
      identity_(identity_of(path_)) {}

Result<std::unique_ptr<Session>> SqliteEngine::open(const StopSignal&) {
  auto session = std::make_unique<SqliteSession>(*this);
  if (Status opened = session->open(); !opened.ok()) return opened;
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace tidegate::internal
