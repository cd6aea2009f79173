// SPDX-License-Identifier: Apache-2.0
//
// RemoteOpenings: what one breaker has come to, in a store that is reached over a network, for the
// processes of several hosts. gate/redis_openings.hpp implements it for production,
// tests/support/sim_openings.hpp in virtual time.
//
//   auto asking = openings.exchange(known, news);      // no news: what is kept there
//   const auto answer = co_await std::move(asking);
//   if (answer.ok() && answer->id == news->id) …       // they are what is kept now
//
// What is kept there has an id, another one for each change; `known` is that of what the caller has
// come to know last, empty for nothing. News are kept where that is kept, where nothing is, or where
// policy::takes() says so; in one step at the store. Everything is on the loop. An exchange ends within
// the store's own time, which is short; it fails where the store was not reached or did not answer in
// time, and the news may be kept then. So who brings them again, brings them under the same id.
#pragma once

#include <optional>
#include <string>

#include "base/task.hpp"
#include "policy/breaker_record.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class RemoteOpenings {
 public:
  struct News {
    std::string id;  // 1 to 32 hexadecimal digits that nobody else draws
    policy::BreakerNews what;
  };
  struct Answer {
    std::string id;  // empty: nothing is kept
    policy::BreakerRecord is;
  };

  virtual ~RemoteOpenings() = default;

  virtual Task<Result<Answer>> exchange(std::string known, std::optional<News> news) = 0;
};

}  // namespace tidegate::internal
