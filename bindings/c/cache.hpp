// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tidegate_cache and a tidegate_load.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "handles.hpp"
#include "tidegate/c.h"
#include "tidegate/cache.hpp"
#include "tidegate/load.hpp"
#include "user.hpp"

namespace tidegate::c {

// A year: the longest that a value is fresh, or good enough.
inline constexpr std::int64_t kMostLifeMs = 31'536'000'000;

class CacheObject final : public Object {
 public:
  explicit CacheObject(const CacheOptions& options) : cache(options), options_(options) {}
  ~CacheObject() override { delete rows_if_any(); }

  const Cache cache;
  // What queries keep, beside what the program keeps itself. Null until the first of them.
  const TypedCache<Rows>* rows_if_any() const noexcept {
    return rows_.load(std::memory_order_acquire);
  }
  const TypedCache<Rows>& rows() const {
    const TypedCache<Rows>* there = rows_if_any();
    if (there) return *there;
    auto made = std::make_unique<const TypedCache<Rows>>(options_);
    const bool is_first =
        rows_.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel);
    return is_first ? *made.release() : *there;
  }

 private:
  const CacheOptions options_;
  mutable std::atomic<const TypedCache<Rows>*> rows_{nullptr};
};

class RefreshObject final : public Object {
 public:
  explicit RefreshObject(CacheRefresh what) noexcept : refresh(std::move(what)) {}
  const CacheRefresh refresh;  // stops when it goes
};

// A loader of the user's, and its data, which goes with the last load that may use it.
class UserLoader : public std::enable_shared_from_this<UserLoader> {
 public:
  UserLoader(tidegate_load_fn fn, UserData user) noexcept : fn_(fn), user_(std::move(user)) {}
  void run(LoadContext& context);

 private:
  const tidegate_load_fn fn_;
  const UserData user_;
};

// A load until its answer. In a child of its process it belongs to threads that are not there: it
// does nothing, and is left as it is when it goes.
class LoadObject final : public Object {
 public:
  LoadObject(const LoadContext& load, std::shared_ptr<UserLoader> loader)
      : loader_(std::move(loader)), load_(std::make_unique<LoadContext>(load)) {}
  ~LoadObject() override;

  const std::string& key() const noexcept { return load_->key(); }
  Deadline deadline() const noexcept { return load_->deadline(); }
  bool stopped() const noexcept { return load_->stopped(); }

  Status succeed(const Bytes& value);
  Status fail(Status why);

  // `say(LoadContext&) -> Status`, before the answer.
  template <class Say>
  Status say(Say say) {
    return answered_.load(std::memory_order_acquire) ? refusal() : say(*load_);
  }

 private:
  bool is_of_a_parent() const noexcept { return process_ != ::getpid(); }
  // OK for the one that may answer.
  Status claim();
  static Status refusal();

  const pid_t process_ = ::getpid();
  const std::shared_ptr<UserLoader> loader_;
  std::unique_ptr<LoadContext> load_;
  std::atomic<bool> answered_{false};
};

template <>
struct ObjectOf<tidegate_cache> : Behind<CacheObject, Kind::kCache> {};
template <>
struct ObjectOf<tidegate_refresh> : Behind<RefreshObject, Kind::kRefresh> {};
template <>
struct ObjectOf<tidegate_load> : Behind<LoadObject, Kind::kLoad> {};

}  // namespace tidegate::c
