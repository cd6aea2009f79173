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
// different keys. An exception becomes kCallableFailed, also one of encode() or weight_of(). Loaders run on threads of the cache, at most
// `loaders` at once.
#pragma once

#include <concepts>
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
#include "tidegate/rows.hpp"

namespace tidegate {

namespace internal {

// A value at rest in a cache: never changed, shared by everyone who has it.
class CacheValue : public RefCounted {};

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

// What Redis had of a key, for the loader to read in place of loading. The durations count from when
// Redis was asked.
struct StoredValue {
  std::string_view payload;
  std::uint8_t codec = 0;
  bool negative = false;
  Duration fresh_left{};  // zero: it is stale
  Duration
      stale_left{};  // then good enough where there is no better; the time it was fresh included
  Duration age{};
};

// A value in bytes.
struct Encoded {
  std::string payload;
  std::uint8_t codec = 0;
};

}  // namespace internal

// How a V is written to Redis and read from there. Specialise it for a type of your own:
//
//   template <>
//   struct tidegate::CacheCodec<Prices> {
//     static std::string encode(const Prices& prices);
//     static std::optional<Prices> decode(std::string_view bytes);   // none: load it anew
//   };
//
// decode() runs on a thread of the cache's; encode() where the value came: on the loader's thread,
// for a loader that returns an Operation on the thread that ends it, and for a put on the caller's.
// The same is true of weight_of(). What decode() is given was
// written by encode(), though perhaps by another version of the program; whoever can write to Redis
// can write anything. An exception of decode() counts as none; one of encode() fails the load.
//
// `kId` tells what is written how, where processes that share a cache may write it differently: bytes
// of another one are loaded anew. 0 to 127 are the library's, 0 for C++.
template <class V>
struct CacheCodec;

template <>
struct CacheCodec<std::string> {
  static std::string encode(const std::string& value) { return value; }
  static std::optional<std::string> decode(std::string_view bytes) { return std::string(bytes); }
};

template <>
struct CacheCodec<Bytes> {
  static std::string encode(const Bytes& value) { return std::string(value.view()); }
  static std::optional<Bytes> decode(std::string_view bytes) { return Bytes::copy_of(bytes); }
};

// What a query brought, for all languages: its text cells as they came, UTF-8 or not.
template <>
struct CacheCodec<Rows> {
  static constexpr std::uint8_t kId = 1;
  static std::string encode(const Rows& rows);
  static std::optional<Rows> decode(std::string_view bytes);
};

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
  // The value is a fallback, good enough to show and not good enough to keep: those who wait have it
  // as Source::kDefault, with the reason `why`. Where a stale value is there they have that. For
  // the cache the load has failed.
  LoadContext& degraded(Status why = Status());
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
inline std::size_t weight_of(const Rows& rows) noexcept { return sizeof(Rows) + rows.bytes(); }

namespace internal {

// Ends the load. The first call counts. `encoded` goes to Redis, where wants_encoded() says so.
void load_succeeded(LoadContext& load, CacheValue* value, std::size_t weight,
                    std::optional<Encoded> encoded = std::nullopt) noexcept;
// `keepsake` takes the place of the status' origin where the failure is remembered.
void load_failed(LoadContext& load, Status status,
                 std::shared_ptr<const void> keepsake = nullptr) noexcept;
// What is being handled has ended the load. REQUIRES: within a catch block.
void load_threw(LoadContext& load);

bool wants_encoded(const LoadContext& load) noexcept;
// What Redis had of the key; null where that is nothing. REQUIRES of the two that follow: not null.
const StoredValue* stored_of(const LoadContext& load) noexcept;
// The stored value, decoded. True: it was fresh, and has ended the load. False: it is stale; it serves
// where the load, which goes on, fails or takes too long.
bool load_restored(LoadContext& load, CacheValue* value, std::size_t weight) noexcept;
// The stored bytes are none that the loader can read: the load goes on.
void load_could_not_read(LoadContext& load) noexcept;

template <class V>
concept HasCodec = requires(const V& value, std::string_view bytes) {
  { CacheCodec<V>::encode(value) } -> std::convertible_to<std::string>;
  { CacheCodec<V>::decode(bytes) } -> std::same_as<std::optional<V>>;
};

template <class V>
constexpr std::uint8_t codec_id() noexcept {
  if constexpr (requires { CacheCodec<V>::kId; }) {
    return CacheCodec<V>::kId;
  } else {
    return 0;
  }
}

template <class V>
std::optional<Encoded> encoded(const V& value) {
  if constexpr (HasCodec<V>) {
    return Encoded{CacheCodec<V>::encode(value), codec_id<V>()};
  } else {
    return std::nullopt;
  }
}

template <class V>
void load_returned(LoadContext& load, V value) {
  const std::size_t weight = weight_of(value);
  std::optional<Encoded> bytes;
  if (wants_encoded(load)) bytes = encoded(value);
  load_succeeded(load, new TypedValue<V>(std::move(value)), weight, std::move(bytes));
}

// True where the stored value has ended the load.
template <HasCodec V>
bool restore_stored(LoadContext& load) {
  const StoredValue& stored = *stored_of(load);
  std::optional<V> value;
  if (stored.codec == codec_id<V>()) value = CacheCodec<V>::decode(stored.payload);
  if (!value) {
    load_could_not_read(load);
    return false;
  }
  const std::size_t weight = weight_of(*value);
  return load_restored(load, new TypedValue<V>(std::move(*value)), weight);
}

// Where a stored value is read.
enum class Restoring {
  kByRun,     // in run(), by stored_of()
  kOnThread,  // in restore(), on a thread of the cache's
  kAtOnce,    // in restore(), on the cache's I/O thread: it is no more than a copy
};

// A loader of the user's, whatever it returns.
class Loader {
 public:
  virtual ~Loader() = default;
  // False: run() hands over and returns at once, and is called on the cache's I/O thread; true: it
  // may block, and is called on a thread of the cache's.
  virtual bool blocks() const noexcept { return true; }
  virtual void run(LoadContext& load) = 0;

  // Where there is a stored value and restoring() says so, this comes before run(): true where it
  // has ended the load.
  virtual bool restore(LoadContext&) { return false; }
  virtual Restoring restoring() const noexcept { return Restoring::kByRun; }
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
      returned.on_done([load](const auto& result) mutable {
        try {
          finish(load, result);
        } catch (...) {
          load_threw(load);
        }
      });
    } else {
      finish(load, std::move(returned));
    }
  }

  bool restore(LoadContext& load) override {
    if constexpr (HasCodec<V>) {
      return restore_stored<V>(load);
    } else {
      return false;
    }
  }
  Restoring restoring() const noexcept override {
    if constexpr (std::is_same_v<V, Bytes> || std::is_same_v<V, std::string>) {
      return Restoring::kAtOnce;
    } else {
      return HasCodec<V> ? Restoring::kOnThread : Restoring::kByRun;
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
