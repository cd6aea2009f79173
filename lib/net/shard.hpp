// SPDX-License-Identifier: Apache-2.0
//
// Shard: the loop of production (base/ports/loop.hpp): one thread, one epoll, one timing wheel, one
// inbox. Flows, sockets and their timers live on it and need no locks; other threads reach it by
// post(). It sleeps until a descriptor, a timer or a message wants it: an idle shard makes no
// wake-up at all. The tick is 66 us.
//
// A turn: sleep; read the clock once; serve the descriptors, the inbox among them; fire the timers;
// run the flows that are ready; run a bounded number of messages. So what io() takes in the turn of
// its timeout is still in time.
//
// The thread is started with the first message and ends with quiesce() or close(). A message writes
// to the inbox's descriptor only where the inbox was empty and the shard asleep.
//
// Thread-safety: post(), start(), quiesce(), close() and join(), any thread; everything else on the
// shard's own.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/fork.hpp"
#include "base/ports/loop.hpp"
#include "net/descriptor.hpp"
#include "net/thread_set.hpp"

namespace tidegate::internal {

// Derive from it what shall be told of a descriptor. io() runs on the shard, outside any flow; it
// may watch and unwatch anything.
class Io {
 public:
  virtual void io(std::uint32_t events) noexcept = 0;

 protected:
  ~Io() = default;
};

class Shard final : public Loop {
 public:
  Shard() : Loop(Deadline::now(), kTickShift) {}
  // REQUIRES: the thread does not run.
  ~Shard() override;

  // Starts the thread where it does not run: kLocalResource where the process can have no more
  // threads or descriptors, kClosed after close().
  Status start();

  // Starts the thread too; false also where that fails, and in a forked child, which has neither the
  // thread nor the descriptors. Ask start() first to know why.
  bool post(Message& message) noexcept override;

  // Calls io.io() with what epoll says of `fd`, until unwatch(). `events` are epoll's, EPOLLET too.
  Status watch(int fd, std::uint32_t events, Io& io);
  // Other events from now on, of a descriptor that is watched for the same `io`.
  Status rewatch(int fd, std::uint32_t events, Io& io);
  // io() is not called after unwatch(), also not for an event that was fetched already.
  void unwatch(int fd, Io& io) noexcept;
  // The same where somebody has closed the descriptor already: its number may mean another one.
  void forget(Io& io) noexcept;
  // Whether the events of this turn are all that there were at its beginning.
  bool fetched_all() const noexcept { return fetched_ < kMostEvents; }

  // True if no flow lives on it and no message waits; then its thread has been joined, and the next post()
  // begins a new one. Descriptors stay watched.
  bool quiesce();
  // Begins a new one where timers are armed: they rest with the thread.
  void resume() noexcept;

  // Ends every flow with kClosed and refuses messages from now on. Does not wait.
  void close() noexcept;
  // After close(): waits until `until` for the flows to end, and the thread with them; how many
  // threads still run.
  std::size_t join(Deadline until);

 private:
  enum class State : std::uint8_t { kOpen, kQuiescing, kClosing };
  static constexpr unsigned kTickShift = 16;
  static constexpr int kMostEvents = 64;
  static constexpr int kMostMessages = 256;

  // REQUIRES: lock holds mutex_. Waits while quiesce() is between the end of the thread and its own:
  // never where the thread runs, which may be the caller's.
  void await_quiesced(std::unique_lock<std::mutex>& lock) {
    changed_.wait(lock, [this] { return running_ || state_ != State::kQuiescing; });
  }
  Status start_locked();
  bool end_thread(std::unique_lock<std::mutex>& lock);
  void run();
  bool goes_on();
  void sleep();
  void wait(std::optional<TimePoint> until) noexcept;
  void serve() noexcept;
  void wake() noexcept;

  Descriptor epoll_;
  Descriptor inbox_fd_;
  std::array<epoll_event, kMostEvents> events_{};
  int fetched_ = 0;
  int served_ = 0;
  // epoll_pwait2: Linux 5.11, and no sandbox that does not know it.
  bool has_precise_wait_ = true;

  const std::uint64_t generation_ = fork_generation();

  std::mutex mutex_;
  std::condition_variable changed_;
  IntrusiveList<Message> inbox_;  // guarded by mutex_, like all below
  bool awake_ = false;            // it looks into the inbox before it sleeps
  bool running_ = false;
  State state_ = State::kOpen;
  State seen_ = State::kOpen;   // by the thread: it does not sleep over another
  bool asked_to_rest_ = false;  // somebody is in quiesce()
  ThreadSet thread_;
};

}  // namespace tidegate::internal
