// SPDX-License-Identifier: Apache-2.0
//
// LoadReply: the private side of a LoadContext: the ticket of the load, and what the loader has said
// of the value so far. Ends the load once; a reply that goes away without an answer fails it.
#pragma once

#include <atomic>
#include <utility>

#include "cache/load.hpp"
#include "tidegate/load.hpp"

namespace tidegate::internal {

class LoadReply {
 public:
  explicit LoadReply(LoadTicket ticket) noexcept : ticket_(std::move(ticket)) {}

  const Load& load() const noexcept { return ticket_.load(); }
  Loaded& about() noexcept { return about_; }

  void succeed(CacheValue* value, std::size_t weight, std::optional<Encoded> encoded) noexcept {
    about_.encoded = std::move(encoded);
    about_.value = Ref<CacheValue>::adopt(value);
    if (about_.weight == 0) about_.weight = weight;
    ticket_.succeed(std::move(about_));
  }
  void fail(Status status, std::shared_ptr<const void> keepsake) noexcept {
    ticket_.fail(std::move(status), std::move(keepsake));
  }
  bool restore(CacheValue* value, std::size_t weight) noexcept {
    return ticket_.restore(Ref<CacheValue>::adopt(value), weight);
  }
  void could_not_read() noexcept { ticket_.could_not_read(); }

 private:
  LoadTicket ticket_;
  Loaded about_;
};

}  // namespace tidegate::internal
