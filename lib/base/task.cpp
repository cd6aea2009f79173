// SPDX-License-Identifier: Apache-2.0
#include "base/task.hpp"

#include <new>

namespace tidegate::internal {

namespace {
// A frame is made and freed on its loop's thread, so that a plain integer is enough.
thread_local std::size_t frames = 0;
}  // namespace

std::size_t live_frames() noexcept { return frames; }

void* PromiseBase::operator new(std::size_t size) {
  void* const frame = ::operator new(size);
  ++frames;
  return frame;
}

void PromiseBase::operator delete(void* frame, std::size_t size) noexcept {
  --frames;
  ::operator delete(frame, size);
}

}  // namespace tidegate::internal
