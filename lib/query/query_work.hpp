// SPDX-License-Identifier: Apache-2.0
// QueryWork: a statement and its parameters on their way to a QuerySession.
#pragma once

#include <string>
#include <utility>

#include "base/ports/engine.hpp"
#include "tidegate/work.hpp"

namespace tidegate::internal {

class QueryWork final : public TypedWork<Rows> {
 public:
  QueryWork(std::string sql, Params params) : sql_(std::move(sql)), params_(std::move(params)) {}

  Status run(Session* session, const StopSignal& stop) override {
    auto rows = static_cast<QuerySession*>(session)->query(sql_, params_, stop);
    if (!rows.ok()) return rows.status();
    value_.emplace(std::move(rows).value());
    return Status();
  }

 private:
  const std::string sql_;
  const Params params_;
};

}  // namespace tidegate::internal
