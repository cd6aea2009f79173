// SPDX-License-Identifier: Apache-2.0
#include "net/shard.hpp"

#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "base/bell.hpp"
#include "base/flow_operation.hpp"
#include "base/futex.hpp"
#include "base/ports/rng.hpp"
#include "base/sleep.hpp"
#include "support/child.hpp"
#include "support/deep.hpp"
#include "support/event.hpp"
#include "support/on_loop.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;

// Sleeps, and answers with how it was woken.
class Nap final : public FlowOperation {
 public:
  Nap(Loop& loop, Deadline deadline, Duration nap) : FlowOperation(loop, deadline), nap_(nap) {}
  const void* result() const noexcept override { return &result_; }

 private:
  Task<void> flow() override { return sleep(this); }
  static Task<void> sleep(Nap* self) {
    const TimePoint until = self->loop().now() + self->nap_;
    const Cause woken = co_await sleep_until(until);
    self->value_ = static_cast<int>(woken);
  }
  void settle(const Status& outcome) noexcept override {
    result_ = outcome.ok() ? Result<int>(value_) : Result<int>(outcome);
  }

  const Duration nap_;
  int value_ = -1;
  Result<int> result_{Status(Cause::kInternal, "not settled")};
};

Operation<int> nap(Loop& loop, Duration length, Deadline deadline = Deadline::never()) {
  return Operation<int>((new Nap(loop, deadline, length))->begin());
}

struct ShardInTest {
  Shard shard;
  ~ShardInTest() {
    shard.close();
    CHECK(shard.join(Deadline::after(30s)) == 0);
  }
};

TEST_CASE("An operation ends when its flow does") {
  ShardInTest test;
  const auto op = nap(test.shard, 0ns);
  const auto result = op.wait();
  REQUIRE(result.ok());
  CHECK(*result == static_cast<int>(Cause::kNone));
}

TEST_CASE("A deadline ends the flow, and the operation says so") {
  ShardInTest test;
  const auto op = nap(test.shard, 1h, Deadline::after(2ms));
  CHECK(op.wait().status().cause() == Cause::kDeadline);
}

TEST_CASE("A cancel ends the flow, before it began too") {
  ShardInTest test;
  for (int i = 0; i < 1000; ++i) {
    const auto op = nap(test.shard, 1h);
    op.cancel();
    op.cancel();
    CHECK(op.wait().status().cause() == Cause::kCancelled);
  }
}

TEST_CASE("Closing ends what is in flight and refuses what comes") {
  Shard shard;
  std::vector<Operation<int>> naps;
  for (int i = 0; i < 100; ++i) naps.push_back(nap(shard, 1h));
  shard.close();
  for (const auto& op : naps) CHECK(op.wait().status().cause() == Cause::kClosed);
  CHECK(shard.join(Deadline::after(30s)) == 0);
  CHECK(nap(shard, 0ns).wait().status().cause() == Cause::kClosed);
  CHECK(shard.start().cause() == Cause::kClosed);
}

TEST_CASE("A shard that was never used closes at once") {
  Shard shard;
  shard.close();
  CHECK(shard.join(Deadline::after(30s)) == 0);
}

TEST_CASE("A shard that is closed just before it sleeps does not oversleep") {
  struct Nothing final : Message {
    void run() noexcept override {}
  };
  const int rounds = test::repeat(500, 20'000);
  for (int i = 0; i < rounds; ++i) {
    Shard shard;
    Nothing nothing;
    REQUIRE(shard.post(nothing));
    if (i % 2 == 0) REQUIRE(nap(shard, 0ns).wait().ok());
    shard.close();
    REQUIRE(shard.join(Deadline::after(30s)) == 0);
  }
}

TEST_CASE("A quiet shard gives its thread back and starts again; a busy one does not") {
  ShardInTest test;
  for (int i = 0; i < 20; ++i) {
    CHECK(nap(test.shard, 0ns).wait().ok());
    while (!test.shard.quiesce()) std::this_thread::yield();  // the flow's end is told a bit early
    CHECK(test.shard.quiesce());
  }
  const auto op = nap(test.shard, 1h);
  CHECK_FALSE(test.shard.quiesce());
  op.cancel();
  CHECK(op.wait().status().cause() == Cause::kCancelled);
}

TEST_CASE("A forked child can post nothing to its parent's shard, nor cancel there [F-1]") {
  ShardInTest test;
  const auto op = nap(test.shard, 1h);
  CHECK(nap(test.shard, 0ns).wait().ok());    // its thread is past what a thread begins with
  for (int forks = 0; forks < 20; ++forks) {  // the shard sleeps in most of them
    CHECK(test::in_child([&] {
            // Among them are those whose numbers the shard's descriptors had.
            int own[8];
            for (int& fd : own) fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
            op.cancel();
            for (const int fd : own) {
              eventfd_t written = 0;
              if (::eventfd_read(fd, &written) == 0) return 1;
            }
            return 0;
          }) == 0);
  }
  op.cancel();
  CHECK(op.wait().status().cause() == Cause::kCancelled);
}

// Posts to its own loop from within, and ends when that has come.
class SelfPost final : public FlowOperation, private Message {
 public:
  explicit SelfPost(Loop& loop) : FlowOperation(loop, Deadline::never()) {}
  const void* result() const noexcept override { return &result_; }

 private:
  Task<void> flow() override { return post_and_wait(this); }
  static Task<void> post_and_wait(SelfPost* self) {
    static_cast<void>(self->loop().post(*self));
    co_await self->bell_.heard(Deadline::never());
  }
  void run() noexcept override { bell_.ring(); }
  void settle(const Status& outcome) noexcept override {
    result_ = outcome.ok() ? Result<int>(1) : Result<int>(outcome);
  }

  Bell bell_;
  Result<int> result_{Status(Cause::kInternal, "not settled")};
};

TEST_CASE("A shard gives its thread back beside those who use it, its own flows among them [F-1]") {
  ShardInTest test;
  std::atomic<bool> ends{false};
  std::thread quiescing([&] {
    while (!ends) static_cast<void>(test.shard.quiesce());
  });
  const int rounds = test::repeat(5'000, 200'000);
  for (int i = 0; i < rounds; ++i) {
    CHECK(Operation<int>((new SelfPost(test.shard))->begin()).wait().ok());
  }
  ends = true;
  quiescing.join();
}

// Sends back what comes on a socket, until a 'q'.
struct SocketEcho final : Io, Message {
  SocketEcho(Shard& s, int f) : shard(s), fd(f) {}
  void run() noexcept override {
    watched = shard.watch(fd, EPOLLIN, *this).ok();
    ready.store(1);
    futex_wake_all(ready);
  }
  void io(std::uint32_t events) noexcept override {
    char byte = 0;
    if ((events & EPOLLIN) && ::recv(fd, &byte, 1, 0) == 1) (void)::send(fd, &byte, 1, 0);
    if (byte == 'q') shard.unwatch(fd, *this);
  }
  Shard& shard;
  const int fd;
  bool watched = false;
  std::atomic<std::uint32_t> ready{0};
};

// One byte there and back.
bool echoes(Shard& shard) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
  const Descriptor ours(pair[0]);
  const Descriptor theirs(pair[1]);
  SocketEcho echo(shard, theirs.get());
  char byte = 'q';
  const bool came = shard.post(echo) && ::send(ours.get(), &byte, 1, 0) == 1 &&
                    ::recv(ours.get(), &byte, 1, 0) == 1;
  return nap(shard, 0ns).wait().ok() && came;  // its turn is over
}

// A kernel or a sandbox that does not know a call refuses it with one or the other.
TEST_CASE("Without epoll_pwait2 a shard waits with epoll_wait") {
  for (const int refusal : {ENOSYS, EPERM}) {
    CHECK(test::in_child([refusal] {
            sock_filter only_that_call[] = {
                {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_epoll_pwait2},
                {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<unsigned>(refusal)},
                {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
            const sock_fprog program{4, only_that_call};
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 2;
            ShardInTest test;
            if (!nap(test.shard, 3ms).wait().ok()) return 3;
            return echoes(test.shard) ? 0 : 4;
          }) == 0);
  }
}

TEST_CASE("A watched descriptor is told of, and not after it was unwatched") {
  ShardInTest test;
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Descriptor ours(pair[0]);
  const Descriptor theirs(pair[1]);
  SocketEcho echo(test.shard, theirs.get());
  REQUIRE(test.shard.post(echo));
  char byte = 'a';
  for (const char sent : {'a', 'b', 'q'}) {
    REQUIRE(::send(ours.get(), &sent, 1, 0) == 1);
    REQUIRE(::recv(ours.get(), &byte, 1, 0) == 1);
    CHECK(byte == sent);
  }
  CHECK(echo.watched);
  const auto later = nap(test.shard, 0ns);
  CHECK(later.wait().ok());  // the turn of 'q' is over
  REQUIRE(::send(ours.get(), &byte, 1, 0) == 1);
  CHECK(nap(test.shard, 1ms).wait().ok());
  CHECK(::recv(ours.get(), &byte, 1, MSG_DONTWAIT) == -1);
}

TEST_CASE("AFloodOfMessagesLeavesTheFlowsTheirTurns [C3]") {
  struct Count final : Message {
    explicit Count(int& c) : count(c) {}
    void run() noexcept override { ++count; }
    int& count;
  };
  struct Hold final : Message {
    void run() noexcept override { over.wait(); }
    test::Event over;
  };
  class Look final : public FlowOperation {
   public:
    Look(Loop& loop, const int& count) : FlowOperation(loop, Deadline::never()), count_(count) {}
    const void* result() const noexcept override { return &result_; }

   private:
    Task<void> flow() override {
      const TimePoint now = loop().now();
      co_await sleep_until(now);
      seen_ = count_;
    }
    void settle(const Status&) noexcept override { result_ = seen_; }
    const int& count_;
    int seen_ = 0;
    Result<int> result_{Status(Cause::kInternal, "not settled")};
  };
  ShardInTest test;
  int count = 0;
  Hold hold;
  std::deque<Count> flood;
  for (int i = 0; i < 10'000; ++i) flood.emplace_back(count);
  REQUIRE(test.shard.post(hold));
  const Operation<int> look((new Look(test.shard, count))->begin());
  for (Count& each : flood) REQUIRE(test.shard.post(each));
  hold.over.set();
  const auto seen = look.wait();
  CHECK(*seen < 10'000 / 2);
  CHECK(nap(test.shard, 0ns).wait().ok());  // the last of the flood has gone before it
  CHECK(count == 10'000);
}

TEST_CASE("AWatchedDescriptorIsToldOfTheEventsThatWereAskedForLast") {
  struct Turns final : Io, Message {
    Turns(Shard& s, int f) : shard(s), fd(f) {}
    void run() noexcept override { good = shard.watch(fd, EPOLLIN, *this).ok(); }
    void io(std::uint32_t events) noexcept override {
      seen.fetch_or(events);
      char byte = 0;
      if (events & EPOLLIN) (void)::recv(fd, &byte, 1, 0);
      good = good && shard.rewatch(fd, (events & EPOLLIN) ? EPOLLOUT : 0U, *this).ok();
      told.fetch_add(1);
      futex_wake_all(told);
    }
    Shard& shard;
    const int fd;
    bool good = false;
    std::atomic<std::uint32_t> seen{0}, told{0};
  };
  ShardInTest test;
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Descriptor ours(pair[0]);
  const Descriptor theirs(pair[1]);
  Turns turns(test.shard, theirs.get());
  REQUIRE(test.shard.post(turns));
  REQUIRE(::send(ours.get(), "a", 1, 0) == 1);
  while (turns.told.load() < 2) futex_wait(turns.told, turns.told.load(), Deadline::after(1ms));
  CHECK(turns.seen.load() == (EPOLLIN | EPOLLOUT));
  REQUIRE(::send(ours.get(), "b", 1, 0) == 1);
  CHECK(nap(test.shard, 1ms).wait().ok());
  CHECK(turns.told.load() == 2);
  CHECK(turns.good);
}

TEST_CASE(
    "Operations end exactly once, whoever is first: flow, cancel, deadline or a dropped handle") {
  struct Counter final : Consumer {
    explicit Counter(std::atomic<int>& c) : count(c) {}
    void completed(OperationState&) noexcept override {
      count.fetch_add(1);
      delete this;
    }
    std::atomic<int>& count;
  };
  ShardInTest test;
  const int rounds = test::repeat(10'000, 500'000);
  std::atomic<int> ended{0};
  const auto race = [&](unsigned seed) {
    Rng rng(seed);
    for (int i = 0; i < rounds; ++i) {
      const Duration length = rng.between(0us, 200us);
      const Duration bound = rng.between(0us, 200us);
      const auto op = nap(test.shard, length, Deadline::after(bound));
      op.state()->add_consumer(new Counter(ended));
      const auto what = rng.below(4);
      if (what == 0) op.cancel();
      if (what == 1) static_cast<void>(op.wait());
      if (what == 2) {
        op.cancel();
        static_cast<void>(op.wait());
      }
    }
  };
  std::thread other(race, 1);
  race(2);
  other.join();
  while (!test.shard.quiesce()) std::this_thread::yield();
  CHECK(ended.load() == 2 * rounds);
}

// Says when its thread has come to its end.
struct LastWord {
  ~LastWord() {
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    ++*spoken;
  }
  std::atomic<int>* spoken = nullptr;
};

TEST_CASE("WhoeverIsToldThatAShardRestsFindsItsThreadEnded") {
  ShardInTest test;
  std::atomic<int> ended = 0;
  for (int round = 1; round <= test::repeat(200, 5'000); ++round) {
    test::on_loop(test.shard, [&] {
      thread_local LastWord last;
      last.spoken = &ended;
    });
    std::atomic<int> waiting = 0;
    const auto rest = [&] {
      ++waiting;
      while (waiting < 2) std::this_thread::yield();
      while (!test.shard.quiesce()) std::this_thread::yield();
      return ended.load();
    };
    int seen_there = 0;
    std::thread other([&] { seen_there = rest(); });
    const int seen_here = rest();
    other.join();
    REQUIRE(seen_here == round);
    REQUIRE(seen_there == round);
  }
}

}  // namespace
}  // namespace tidegate::internal
