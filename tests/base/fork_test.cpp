// SPDX-License-Identifier: Apache-2.0

#include "base/fork.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

using tidegate::internal::close_in_child;
using tidegate::internal::fork_generation;
using tidegate::internal::keep_in_child;
using tidegate::internal::kMaxForkDescriptors;
using tidegate::internal::kMaxForkPointers;
using tidegate::internal::on_fork_child;

namespace {

// Runs `body() -> bool` in a forked child; whether it returned true there.
template <class Body>
bool holds_in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("AChildHasAHigherGenerationAndTheParentKeepsItsOwn") {
  const std::uint64_t before = fork_generation();
  CHECK(before >= 1);
  CHECK(fork_generation() == before);
  CHECK(holds_in_child([before] { return fork_generation() > before; }));
  CHECK(fork_generation() == before);
}

TEST_CASE("AGrandchildHasAHigherGenerationThanItsParent") {
  const std::uint64_t before = fork_generation();
  CHECK(holds_in_child([before] {
    const std::uint64_t child = fork_generation();
    return child > before && holds_in_child([child] { return fork_generation() > child; }) &&
           fork_generation() == child;
  }));
}

TEST_CASE("AForkFromAnotherThreadCountsToo") {
  const std::uint64_t before = fork_generation();
  bool held = false;
  std::thread([&] {
    held = holds_in_child([before] { return fork_generation() > before; });
  }).join();
  CHECK(held);
}

TEST_CASE("EveryThreadSeesTheSameGeneration") {
  std::array<std::uint64_t, 8> seen{};
  std::vector<std::thread> threads;
  for (std::uint64_t& place : seen) threads.emplace_back([&place] { place = fork_generation(); });
  for (std::thread& thread : threads) thread.join();
  for (std::uint64_t generation : seen) CHECK(generation == fork_generation());
}

TEST_CASE("ARegisteredPointerIsNullInTheChildOnly") {
  static int target = 0;
  static std::atomic<void*> registered{&target};
  static std::atomic<void*> other{&target};
  CHECK(on_fork_child(registered));
  CHECK(holds_in_child([] { return registered.load() == nullptr && other.load() == &target; }));
  CHECK(registered.load() == &target);
}

TEST_CASE("AChildStartsWithoutTheDescriptorsThatItsParentMarked") {
  const auto is_open = [](int fd) { return fcntl(fd, F_GETFD) != -1; };
  std::array<int, 2> marked{};
  std::array<int, 2> unmarked{};
  REQUIRE(pipe(marked.data()) == 0);
  REQUIRE(pipe(unmarked.data()) == 0);
  for (const int fd : marked) close_in_child(fd);
  close_in_child(unmarked[0]);
  keep_in_child(unmarked[0]);
  close_in_child(-1);
  close_in_child(kMaxForkDescriptors);
  CHECK(holds_in_child([&] {
    return !is_open(marked[0]) && !is_open(marked[1]) && is_open(unmarked[0]) &&
           is_open(unmarked[1]);
  }));
  CHECK(is_open(marked[0]));
  for (const int fd : marked) {
    keep_in_child(fd);
    close(fd);
  }
  for (const int fd : unmarked) close(fd);
}

TEST_CASE("ASocketThatWasClosedWithoutAWordCostsTheChildNothing") {
  const auto is_open = [](int fd) { return fcntl(fd, F_GETFD) != -1; };
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  close_in_child(fd);
  CHECK(holds_in_child([&] { return !is_open(fd); }));
  // Its number means something else from here on: another socket, then no socket at all.
  const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(dup3(other, fd, O_CLOEXEC) == fd);
  CHECK(holds_in_child([&] { return is_open(fd); }));
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  REQUIRE(dup3(ends[0], fd, O_CLOEXEC) == fd);
  CHECK(holds_in_child([&] { return is_open(fd); }));
  keep_in_child(fd);
  for (const int left : {fd, other, ends[0], ends[1]}) close(left);
}

TEST_CASE("APointerTakesOnePlaceHoweverOftenItIsRegistered") {
  // In a child, so that the places stay free for others.
  CHECK(holds_in_child([] {
    static std::array<std::atomic<void*>, kMaxForkPointers + 1> pointers{};
    for (int i = 0; i < 100; ++i) {
      if (!on_fork_child(pointers[0])) return false;
    }
    std::size_t accepted = 0;
    for (std::atomic<void*>& pointer : pointers) accepted += on_fork_child(pointer) ? 1 : 0;
    return accepted >= 8 && accepted <= kMaxForkPointers && on_fork_child(pointers[0]);
  }));
}
