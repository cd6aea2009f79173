// SPDX-License-Identifier: Apache-2.0
//
// fork_generation(): which process of a chain of forks this is. State that a fork must not carry
// into the child remembers the generation in which it was made; where the number differs, the state
// belongs to the parent and is abandoned: neither used nor cleaned up (see PerProcess).
//
// The first call registers the handler that counts, so that merely loading the library does
// nothing. The handler runs in the child before fork() returns there, takes no lock and allocates
// nothing. posix_spawn(), vfork() and a bare clone() are not seen: they are followed by exec().
//
// Thread-safety: any thread. Cost: one relaxed load.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tidegate::internal {

namespace fork_detail {
extern std::atomic<std::uint64_t> generation;  // 0 until the handler is registered
std::uint64_t first_generation() noexcept;
}  // namespace fork_detail

// At least 1; higher in a child than in its parent; the same for the life of a process.
inline std::uint64_t fork_generation() noexcept {
  const std::uint64_t now = fork_detail::generation.load(std::memory_order_relaxed);
  return now != 0 ? now : fork_detail::first_generation();
}

// From now on a child starts with `pointer` set to null; what it pointed to is abandoned. `pointer`
// lives for ever. Registering it again does nothing. False if the kMaxForkPointers places are
// taken.
bool on_fork_child(std::atomic<void*>& pointer) noexcept;

inline constexpr std::size_t kMaxForkPointers = 16;

// From now on a child starts without the descriptor `fd`, as exec() does by CLOEXEC: a socket that
// a child holds open as well stays open for its peer when the parent has closed it, and a
// descriptor that an inherited epoll names cannot be closed for good. Until keep_in_child(fd),
// which stands before close(fd). A socket is known again by the kernel's cookie, so that one which
// another library has closed without a word does not cost the child what has its number now.
// Descriptors from kMaxForkDescriptors on are not remembered.
// Thread-safety: any thread. Cost: a system call.
void close_in_child(int fd) noexcept;
void keep_in_child(int fd) noexcept;

inline constexpr int kMaxForkDescriptors = 65'536;

// Of each socket another number, for as long as the kernel runs; 0 where `fd` is no socket.
std::uint64_t socket_cookie(int fd) noexcept;

}  // namespace tidegate::internal
