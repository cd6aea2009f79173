// SPDX-License-Identifier: Apache-2.0
//
// Customs: the duty of a car, asked of the customs calculator over HTTP, each answer by its deadline.
//
// The calculator wants a token that is good for a short time. It is kept for 0.8 of that, asked for
// once for all who need it, and again in the background before its time is up. Where a token is
// refused all the same, the first of those who hear it forgets it, and each asks once more.
//
// A calculator that fails is left alone for a while, by all workers together: its gate has a breaker,
// which they share. Then the answer is there at once, and says when to come again.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "cache_report.hpp"
#include "imported_car.hpp"
#include "reply.hpp"
#include "tally.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/config.hpp"
#include "tidegate/gate.hpp"
#include "tidegate/http.hpp"

namespace server {

class Customs {
 public:
  // Opens no connection; more than one worker: the file of what they share. What is wrong with that
  // is what every answer says.
  explicit Customs(const tidegate::Config& config);

  // Blocks until there is an answer: executor.page_timeout after `arrived` at the latest.
  Reply answer(const ImportedCar& car, tidegate::TimePoint arrived);

  // For /health: whether the calculator answers, asked anew unless its breaker is open, and what was
  // asked of it. Many at once share one request. Blocks, for server.probe_timeout at most.
  Json health();

  const ReportedCache& tokens() const noexcept { return tokens_; }

 private:
  struct Asked {
    tidegate::Response response;
    tidegate::Source token;  // where its token came from
  };

  tidegate::Result<Asked> ask(const ImportedCar& car, tidegate::Deadline deadline) const;
  tidegate::Operation<tidegate::Response> probe_anew();

  const std::string url_;
  const tidegate::Gate gate_;
  const tidegate::Client http_;
  const ReportedCache tokens_;
  const tidegate::Duration page_timeout_;
  const tidegate::Duration probe_timeout_;
  const std::size_t most_;
  Tally asking_;

  std::mutex mutex_;
  tidegate::Operation<tidegate::Response> probe_;  // the last one; guarded by mutex_
};

// OK, or what is wrong with a server.customs_url; empty is none and OK.
tidegate::Status check_customs_url(std::string_view url);

}  // namespace server
