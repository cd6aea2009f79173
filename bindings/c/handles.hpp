// SPDX-License-Identifier: Apache-2.0
//
// Handles: what a pointer type of the C ABI really is. Its value is no address but a checked
// reference into a table of slots,
//
//   bits 63..56  0x80 + kind      55..32  generation of the slot      31..0  index of the slot
//
// so that NULL, another kind of handle, a stale one and a made-up one are told from a live one
// without touching freed memory, and never look like an address to a host that checks pointers.
//
// A slot counts owners (references of the caller's) and pins (calls that are inside right now).
// Without an owner nobody gets in any more; the object goes with the last of both. So a handle may
// be given back while another thread uses it.
//
// No lock: a child made by fork() finds the table whole, whatever its parent was doing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace tidegate::c {

enum class Kind : std::uint8_t {
  kError = 1,
  kConfig,
  kBytes,
  kParams,
  kRows,
  kOp,
  kStop,
  kPage,
  kQueue,
  kExecutor,
  kCache,
  kLoad,
  kRefresh,
  kClient,
  kResponse,
  kStream,
  kUpload,
  kBreaker,
  kBreakerPermit,
  kLimiter,
  kReservation,
  kRetryBudget,
  kGate,
  kGatePermit,
  kKeyedLimiter,
  kTimedLimiter,
};

using Id = std::uint64_t;

class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
};

// A new slot with one owner. Throws std::bad_alloc.
Id add_object(Kind kind, std::unique_ptr<Object> object);

// The object of a live handle of that kind, pinned; or null.
Object* pin_object(Id id, Kind kind) noexcept;
void unpin_object(Id id) noexcept;

// The same without a pin: for immutable objects, whose last owner must not leave meanwhile.
Object* peek_object(Id id, Kind kind) noexcept;

// One owner more, one less. False for what is no live handle of that kind.
bool retain_object(Id id, Kind kind) noexcept;
bool release_object(Id id, Kind kind) noexcept;

std::size_t live_objects() noexcept;

// The object class behind the handle type H, with its kKind. Specialised in objects.hpp.
template <class H>
struct ObjectOf;
template <class T, Kind K>
struct Behind {
  using Type = T;
  static constexpr Kind kKind = K;
};
template <class H>
using ObjectT = typename ObjectOf<H>::Type;
template <class H>
inline constexpr Kind kKindOf = ObjectOf<H>::kKind;

template <class H>
Id id_of(const H* handle) noexcept {
  return reinterpret_cast<std::uintptr_t>(handle);
}
template <class H>
H* handle_of(Id id) noexcept {
  static_assert(sizeof(H*) == sizeof(Id));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it never becomes an address
  return reinterpret_cast<H*>(static_cast<std::uintptr_t>(id));
}

template <class H>
H* add(std::unique_ptr<ObjectT<H>> object) {
  return handle_of<H>(add_object(kKindOf<H>, std::move(object)));
}
template <class H>
ObjectT<H>* peek(const H* handle) noexcept {
  return static_cast<ObjectT<H>*>(peek_object(id_of(handle), kKindOf<H>));
}
template <class H>
bool retain(H* handle) noexcept {
  return retain_object(id_of(handle), kKindOf<H>);
}
template <class H>
bool release(H* handle) noexcept {
  return release_object(id_of(handle), kKindOf<H>);
}

// Keeps the object of a handle alive for the length of a call; empty for what is no live handle.
template <class H>
class Pin {
 public:
  explicit Pin(const H* handle) noexcept
      : id_(id_of(handle)), object_(static_cast<ObjectT<H>*>(pin_object(id_, kKindOf<H>))) {}
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;
  ~Pin() {
    if (object_) unpin_object(id_);
  }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  ObjectT<H>* operator->() const noexcept { return object_; }
  ObjectT<H>& operator*() const noexcept { return *object_; }

 private:
  Id id_;
  ObjectT<H>* object_;
};

}  // namespace tidegate::c
