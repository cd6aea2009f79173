// SPDX-License-Identifier: Apache-2.0
//
// The SQLite engine: a file and the options of its connections. It only describes; each lane thread
// opens a session of its own, so that a connection is never shared between threads and the engine
// survives a fork.
#pragma once

#include <string>

#include "base/metrics.hpp"
#include "base/ports/engine.hpp"
#include "tidegate/query.hpp"

namespace tidegate::internal {

class SqliteEngine final : public Engine {
 public:
  SqliteEngine(std::string path, SqliteOptions::Values options);

  Result<std::unique_ptr<Session>> open(const StopSignal& stop) override;
  // The file. What is in memory, or nowhere, is only this engine's.
  std::string identity() const override { return identity_; }

  const std::string& path() const noexcept { return path_; }
  const SqliteOptions::Values& options() const noexcept { return options_; }

  Counter& opens;
  Counter& ticks;  // calls of the progress handler: they stand still once nothing runs

 private:
  const std::string path_;
  const SqliteOptions::Values options_;
  const std::string identity_;
};

}  // namespace tidegate::internal
