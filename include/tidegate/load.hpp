// SPDX-License-Identifier: Apache-2.0
//
// LoadContext: what a cache's loader learns of the load that it does, and may say about the value.
//
//   Result<Prices> load_prices(LoadContext& load) {
//     if (load.stopped()) return Status(Cause::kCancelled, "nobody waits any more");
//     …
//     load.ttl(response.max_age());          // instead of the cache's
//     return prices;
//   }
//
// A loader takes a LoadContext& or nothing, and returns a V, a Result<V>, or an Operation<V> that it
// has started; it must be copyable, and may be called from several threads at the same time, for
// different keys. An exception becomes kCallableFailed. Loaders run on threads of the cache, at most
// `loaders` at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tidegate/bytes.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/ref.hpp"

namespace tidegate {

namespace internal {

// A value at rest in a cache: never changed, shared by everyone who has it.
class CacheValue : public RefCounted {
 public:
  // The store's, once the value has left it.
  CacheValue* next_dead = nullptr;
};

template <class V>
class TypedValue final : public CacheValue {
 public:
  explicit TypedValue(V what) : value(std::move(what)) {}
  static const V& of(const CacheValue& value) noexcept {
    return static_cast<const TypedValue&>(value).value;
  }
  const V value;
};

class LoadReply;  // lib/cache/load_reply.hpp: how a load is answered

}  // namespace internal

class LoadContext {
 public:
  explicit LoadContext(std::shared_ptr<internal::LoadReply> reply) noexcept
      : reply_(std::move(reply)) {}

  const std::string& key() const noexcept;
  // By when the value is wanted: the cache's load timeout.
  Deadline deadline() const noexcept;
  // True when the load was given up. One atomic load.
  bool stopped() const noexcept;

  // How long this value is fresh, and may then be served where there is no better one.
  LoadContext& ttl(Duration ttl) noexcept;
  LoadContext& stale_for(Duration stale_for) noexcept;
  // The value says that there is none: it is kept for `negative_ttl`, and never served stale.
  LoadContext& negative() noexcept;
  // The value answers those who wait for it, and is not kept.
  LoadContext& uncached() noexcept;
  // Its size in bytes, for `max_bytes`; what weight_of() says if it is not set.
  LoadContext& weight(std::size_t bytes) noexcept;

  // Internal.
  const std::shared_ptr<internal::LoadReply>& reply() const noexcept { return reply_; }

 private:
  std::shared_ptr<internal::LoadReply> reply_;
};

// What a value weighs in a cache where its loader does not say. Overload it for a type of your own,
// in the namespace of the type.
template <class V>
std::size_t weight_of(const V&) noexcept {
  return sizeof(V);
}
inline std::size_t weight_of(const std::string& text) noexcept {
  return sizeof(std::string) + text.size();
}
inline std::size_t weight_of(const Bytes& bytes) noexcept { return sizeof(Bytes) + bytes.size(); }

namespace internal {

// Ends the load. The first call counts.
void load_succeeded(LoadContext& load, CacheValue* value, std::size_t weight) noexcept;
void load_failed(LoadContext& load, Status status) noexcept;

template <class V>
void load_returned(LoadContext& load, V value) {
  const std::size_t weight = weight_of(value);
  load_succeeded(load, new TypedValue<V>(std::move(value)), weight);
}

// A loader of the user's, whatever it returns.
class Loader {
 public:
  virtual ~Loader() = default;
  // False: run() hands over and returns at once, and is called on the cache's I/O thread; true: it
  // may block, and is called on a thread of the cache's.
  virtual bool blocks() const noexcept { return true; }
  virtual void run(LoadContext& load) = 0;
};

template <class T>
struct IsResult : std::false_type {};
template <class T>
struct IsResult<Result<T>> : std::true_type {};
template <class T>
struct IsOperation : std::false_type {};
template <class T>
struct IsOperation<Operation<T>> : std::true_type {};

template <class V, class F>
class TypedLoader final : public Loader {
 public:
  explicit TypedLoader(F function) : function_(std::move(function)) {}

  void run(LoadContext& load) override {
    auto returned = call(load);
    using Returned = decltype(returned);
    if constexpr (IsOperation<Returned>::value) {
      returned.on_done([load](const auto& result) mutable { finish(load, result); });
    } else {
      finish(load, std::move(returned));
    }
  }

 private:
  auto call(LoadContext& load) {
    if constexpr (std::is_invocable_v<F&, LoadContext&>) {
      return function_(load);
    } else {
      return function_();
    }
  }

  template <class R>
  static void finish(LoadContext& load, R&& returned) {
    if constexpr (IsResult<std::remove_cvref_t<R>>::value) {
      if (!returned.ok()) return load_failed(load, returned.status());
      load_returned<V>(load, *std::forward<R>(returned));
    } else {
      load_returned<V>(load, V(std::forward<R>(returned)));
    }
  }

  F function_;
};

}  // namespace internal
}  // namespace tidegate
