// SPDX-License-Identifier: Apache-2.0
//
// RefCounted and Ref<T>: shared ownership with the count inside the object, one allocation and one
// pointer. The count is atomic; what the object holds is its own business. Any thread.
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

 protected:
  RefCounted() noexcept = default;
  virtual ~RefCounted() = default;

 private:
  std::atomic<std::uint32_t> references_{1};
};

template <class T>
class Ref {
 public:
  Ref() noexcept = default;
  // Takes over the reference that the caller has.
  static Ref adopt(T* object) noexcept {
    Ref made;
    made.object_ = object;
    return made;
  }
  static Ref share(T* object) noexcept {
    if (object) object->ref();
    return adopt(object);
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
  T* object_ = nullptr;
};

}  // namespace tidegate::internal
