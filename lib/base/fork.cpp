// SPDX-License-Identifier: Apache-2.0

#include "base/fork.hpp"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>

namespace tidegate::internal {

namespace fork_detail {
constinit std::atomic<std::uint64_t> generation{0};
}

namespace {

constinit std::array<std::atomic<std::atomic<void*>*>, kMaxForkPointers> pointers{};

// A bit for each descriptor that a child starts without.
constinit std::array<std::atomic<std::uint64_t>, kMaxForkDescriptors / 64> descriptors{};

// And what it was.
constinit std::array<std::atomic<std::uint64_t>, kMaxForkDescriptors> cookies{};

void close_descriptors() noexcept {
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    std::uint64_t word = descriptors[i].exchange(0, std::memory_order_relaxed);
    for (; word != 0; word &= word - 1) {
      const std::size_t fd = i * 64 + static_cast<std::size_t>(std::countr_zero(word));
      const std::uint64_t meant = cookies[fd].load(std::memory_order_relaxed);
      if (socket_cookie(static_cast<int>(fd)) == meant) ::close(static_cast<int>(fd));
    }
  }
}

void after_fork_in_child() {
  close_descriptors();
  for (std::atomic<std::atomic<void*>*>& place : pointers) {
    if (std::atomic<void*>* pointer = place.load(std::memory_order_relaxed)) {
      pointer->store(nullptr, std::memory_order_relaxed);
    }
  }
  fork_detail::generation.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::uint64_t socket_cookie(int fd) noexcept {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

std::uint64_t fork_detail::first_generation() noexcept {
  // Two threads may both come here and register the handler twice; a child then counts by two. If
  // there is no memory to register it, the next call tries again.
  if (pthread_atfork(nullptr, nullptr, &after_fork_in_child) != 0) return 1;
  std::uint64_t none = 0;
  generation.compare_exchange_strong(none, 1, std::memory_order_relaxed);
  return generation.load(std::memory_order_relaxed);
}

bool on_fork_child(std::atomic<void*>& pointer) noexcept {
  (void)fork_generation();
  for (std::atomic<std::atomic<void*>*>& place : pointers) {
    std::atomic<void*>* taken = nullptr;
    if (place.compare_exchange_strong(taken, &pointer, std::memory_order_acq_rel)) return true;
    if (taken == &pointer) return true;
  }
  return false;
}

void close_in_child(int fd) noexcept {
  (void)fork_generation();
  if (fd < 0 || fd >= kMaxForkDescriptors) return;
  const auto at = static_cast<std::size_t>(fd);
  cookies[at].store(socket_cookie(fd), std::memory_order_relaxed);
  descriptors[at / 64].fetch_or(std::uint64_t{1} << (at % 64), std::memory_order_relaxed);
}

void keep_in_child(int fd) noexcept {
  if (fd < 0 || fd >= kMaxForkDescriptors) return;
  const auto at = static_cast<std::size_t>(fd);
  descriptors[at / 64].fetch_and(~(std::uint64_t{1} << (at % 64)), std::memory_order_relaxed);
}

}  // namespace tidegate::internal
