// SPDX-License-Identifier: Apache-2.0
//
// The object behind a tidegate_executor: an Executor and its lanes by name.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "handles.hpp"
#include "tidegate/config.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/query.hpp"

namespace tidegate::c {

class ExecutorObject final : public Object {
 public:
  explicit ExecutorObject(Config settings)
      : config(std::move(settings)), executor(ExecutorOptions::from(config)) {}
  ~ExecutorObject() override;

  // `timeout` is that of calls that set none. kBadArgument where the name is taken.
  Status add(std::string name, std::variant<Database, Callables> lane, Duration timeout);

  template <class LaneT>
  struct Found {
    LaneT lane;
    Duration timeout;
  };

  // The lane of that name, which must be a LaneT.
  template <class LaneT>
  Result<Found<LaneT>> lane(const char* name) const {
    const Lane* found = name ? find(name, nullptr) : nullptr;
    const LaneT* lane = found ? std::get_if<LaneT>(&found->lane) : nullptr;
    if (!lane) return no_lane(name, std::is_same_v<LaneT, Database> ? "database" : "callables");
    return Found<LaneT>{*lane, found->timeout};
  }

  const Config config;
  Executor executor;

 private:
  // Only ever added to, so that who reads needs no lock.
  struct Lane {
    std::string name;
    std::variant<Database, Callables> lane;
    Duration timeout;
    Lane* next;
  };
  const Lane* find(std::string_view name, const Lane* end) const noexcept;
  Status no_lane(const char* name, const char* kind) const;

  std::atomic<Lane*> lanes_{nullptr};
};

}  // namespace tidegate::c
