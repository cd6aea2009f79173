// SPDX-License-Identifier: Apache-2.0
//
// RefCounted and Ref<T>: shared ownership with the count inside the object, one allocation and one
// pointer. What operations, and values in a cache, are held by. Internal: users meet handles such as
// Operation<T>. The count is atomic; what the object holds is its own business. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace tidegate::internal {

class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void unref() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  // True if the caller holds the only reference.
  bool sole_reference() const noexcept { return references_.load(std::memory_order_acquire) == 1; }

 protected:
  RefCounted() noexcept = default;
  virtual ~RefCounted() = default;

 private:
  std::atomic<std::uint32_t> references_{1};
};

// A counted pointer.
template <class T>
class Ref {
 public:
  Ref() noexcept = default;
  // Takes over the reference that the caller has.
  static Ref adopt(T* object) noexcept { return Ref(object); }
  static Ref share(T* object) noexcept {
    if (object) object->ref();
    return Ref(object);
  }
  Ref(const Ref& other) noexcept : object_(other.object_) {
    if (object_) object_->ref();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->unref();
  }
  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  // Gives the reference to the caller.
  T* release() noexcept { return std::exchange(object_, nullptr); }

 private:
  explicit Ref(T* object) noexcept : object_(object) {}
  T* object_ = nullptr;
};

}  // namespace tidegate::internal
