// SPDX-License-Identifier: Apache-2.0
//
// The port of blocking query engines. A lane opens one Session for each of its threads and closes
// it there; a session is used by one thread at a time, except for interrupt().
#pragma once

#include <memory>
#include <string>

#include "tidegate/rows.hpp"
#include "tidegate/status.hpp"
#include "tidegate/work.hpp"

namespace tidegate::internal {

class Session {
 public:
  virtual ~Session() = default;

  // Makes a query that runs now return soon. Any thread, never blocks, harmless when nothing runs.
  // The lane calls it only while the query that it means is running, and never while the session is
  // being closed.
  virtual void interrupt() noexcept = 0;

  // True if the session must not be used again.
  virtual bool broken() const noexcept = 0;
};

class QuerySession : public Session {
 public:
  virtual Result<Rows> query(const std::string& sql, const Params& params,
                             const StopSignal& stop) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual Result<std::unique_ptr<Session>> open(const StopSignal& stop) = 0;
  // What it asks, with its kind: engines of one identity answer alike, in whatever process.
  virtual std::string identity() const = 0;
};

}  // namespace tidegate::internal
