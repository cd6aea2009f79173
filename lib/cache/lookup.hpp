// SPDX-License-Identifier: Apache-2.0
//
// Lookup: get_or_load() of one caller. A fresh value answers on the caller's thread and nothing
// else happens. Otherwise the lookup goes to the loop, where it joins the key's flight or opens one,
// and ends with the first of
//
//   the flight's value                                   fresh
//   the stale value: the load failed, failed a moment ago, takes longer than `soft_timeout`, or
//   longer than the caller's deadline                    stale, with the reason
//   the reason itself, where there is no stale value     an error
//
// The flight goes on without it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/flow_operation.hpp"
#include "cache/core.hpp"

namespace tidegate::internal {

struct LookupOptions {
  Deadline deadline;                     // the caller's
  std::optional<Duration> soft_timeout;  // a stale value answers after it; none: at the deadline
  EntryOptions entry;
};

struct CacheAnswer {
  Ref<CacheValue> value;
  Source source = Source::kFresh;
  Duration age{};
  std::uint64_t version = 0;
  bool negative = false;
  Status reason;  // why it is stale
};

class Lookup : public FlowOperation {
 public:
  Lookup(std::shared_ptr<CacheCore> core, std::string key, const LookupOptions& options,
         std::shared_ptr<CacheLoader> loader);

  // Answers at once where it can, else begins. Once; the caller's reference comes back.
  OperationRef look_up();
  // Ends with `why` instead.
  OperationRef refuse(const Status& why);

 protected:
  TimePoint begun() const noexcept { return begun_; }
  // Writes the result of the type that the caller waits for. Once.
  virtual void deliver(Result<CacheAnswer> answer) noexcept = 0;

 private:
  Task<void> flow() final { return wait_for_value(); }
  Task<void> wait_for_value();
  void settle(const Status& outcome) noexcept final;
  Result<CacheAnswer> answer(const Status& outcome) const;
  CacheAnswer found_answer(Source source, Status reason) const;
  Status late() const;

  const std::shared_ptr<CacheCore> core_;
  const std::string key_;
  const std::uint64_t hash_;
  const LookupOptions options_;
  const std::shared_ptr<CacheLoader> loader_;
  const TimePoint begun_;
  Found found_;
  Ref<Flight> flight_;
  Status recent_failure_;
};

}  // namespace tidegate::internal
