// SPDX-License-Identifier: Apache-2.0
#include "net/shard.hpp"

#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <string>

namespace tidegate::internal {

namespace {

Status no_descriptor(const char* what) {
  return Status(Cause::kLocalResource, std::string(what) + ": " + std::strerror(errno));
}

timespec to_timespec(Duration left) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
}

}  // namespace

Shard::~Shard() { assert(!running_); }

Status Shard::start() {
  std::unique_lock lock(mutex_);
  await_quiesced(lock);
  return start_locked();
}

Status Shard::start_locked() {
  if (state_ == State::kClosing) return Status(Cause::kClosed, "the runtime is shut down");
  if (running_) return Status();
  if (!epoll_) {
    Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return no_descriptor("no descriptor for epoll");
    Descriptor inbox(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!inbox) return no_descriptor("no descriptor for the inbox");
    // Edge-triggered: every write is an event, and nobody needs to read.
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, inbox.get(), &event) != 0)
      return no_descriptor("epoll refused the inbox");
    epoll_ = std::move(epoll);
    inbox_fd_ = std::move(inbox);
  }
  Status started = thread_.start("tg-shard", [this] { run(); });
  running_ = awake_ = started.ok();
  return started;
}

bool Shard::post(Message& message) noexcept {
  if (generation_ != fork_generation())
    return false;  // neither its lock nor its descriptors are ours
  std::unique_lock lock(mutex_);
  await_quiesced(lock);
  try {
    if (!start_locked().ok()) return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
  const bool sleeps = inbox_.empty() && !awake_;
  const int inbox = inbox_fd_.get();
  inbox_.push_back(message);
  lock.unlock();  // or who is woken would find it held; the message may be the last of this object
  if (sleeps) (void)::eventfd_write(inbox, 1);
  return true;
}

void Shard::wake() noexcept { (void)::eventfd_write(inbox_fd_.get(), 1); }

void Shard::run() {
  prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
  do {
    sleep();
    tell_time(Deadline::now());
    serve();
    fire_timers();
    run_ready();
  } while (goes_on());
}

// Runs the messages that have come; false where the thread is to end.
bool Shard::goes_on() {
  IntrusiveList<Message> messages;
  State state;
  {
    std::lock_guard lock(mutex_);
    for (int i = 0; i < kMostMessages && !inbox_.empty(); ++i) {
      messages.push_back(*inbox_.pop_front());
    }
    state = state_;
    const bool idle = messages.empty() && !has_ready() && roots() == 0;
    if (state != State::kOpen && idle) {
      running_ = awake_ = false;
      changed_.notify_all();
      return false;
    }
    if (state == State::kQuiescing) {
      state_ = State::kOpen;
      changed_.notify_all();
    }
    seen_ = state_;
  }
  while (Message* const message = messages.pop_front()) message->run();
  if (state == State::kClosing) cancel_roots(Cause::kClosed);
  return true;
}

void Shard::sleep() {
  std::optional<TimePoint> until = next_timer();
  {
    std::lock_guard lock(mutex_);
    const bool ends = state_ == State::kClosing && roots() == 0;
    awake_ = has_ready() || !inbox_.empty() || state_ != seen_ || ends;
    if (awake_) until = now();
  }
  wait(until);
  std::lock_guard lock(mutex_);
  awake_ = true;
}

void Shard::wait(std::optional<TimePoint> until) noexcept {
  const Duration left = until ? std::max(Duration::zero(), *until - Deadline::now()) : Duration();
  served_ = 0;
  if (has_precise_wait_) {
    const timespec time = to_timespec(left);
    fetched_ =
        ::epoll_pwait2(epoll_.get(), events_.data(), kMostEvents, until ? &time : nullptr, nullptr);
    const bool is_unknown = fetched_ < 0 && (errno == ENOSYS || errno == EPERM);
    if (!is_unknown) return;
    has_precise_wait_ = false;
  }
  // Rounded up, or the loop would spin through the last millisecond.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  fetched_ =
      ::epoll_wait(epoll_.get(), events_.data(), kMostEvents,
                   until ? static_cast<int>(std::min<std::int64_t>(milliseconds, 60'000)) : -1);
}

void Shard::serve() noexcept {
  while (served_ < fetched_) {
    const epoll_event event = events_[static_cast<std::size_t>(served_++)];
    if (event.data.ptr) static_cast<Io*>(event.data.ptr)->io(event.events);
  }
}

Status Shard::watch(int fd, std::uint32_t events, Io& io) {
  epoll_event event{.events = events, .data = {.ptr = &io}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return no_descriptor("epoll refused a descriptor");
  return Status();
}

Status Shard::rewatch(int fd, std::uint32_t events, Io& io) {
  epoll_event event{.events = events, .data = {.ptr = &io}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0)
    return no_descriptor("epoll refused other events");
  return Status();
}

void Shard::unwatch(int fd, Io& io) noexcept {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  forget(io);
}

void Shard::forget(Io& io) noexcept {
  for (int i = served_; i < fetched_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &io) event.data.ptr = nullptr;
  }
}

bool Shard::quiesce() {
  ThreadSet ended;
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [this] { return !asked_to_rest_; });  // by another thread, which is told first
  if (state_ == State::kClosing || !running_) return true;
  asked_to_rest_ = true;
  const bool rests = end_thread(lock);
  if (rests) {
    thread_.hand_over(ended);  // before the next one begins
    state_ = state_ == State::kQuiescing ? State::kOpen : state_;
    changed_.notify_all();
    lock.unlock();
    ended.join(Deadline::never());
    lock.lock();
  }
  asked_to_rest_ = false;
  changed_.notify_all();
  return rests;
}

// False where it has something to do.
bool Shard::end_thread(std::unique_lock<std::mutex>& lock) {
  state_ = State::kQuiescing;
  if (!awake_) wake();
  changed_.wait(lock, [this] { return !running_ || state_ != State::kQuiescing; });
  return !running_;
}

void Shard::resume() noexcept {
  std::lock_guard lock(mutex_);
  if (running_ || state_ != State::kOpen || timers() == 0) return;
  try {
    static_cast<void>(start_locked());  // where there can be no thread now, the next post() tries
  } catch (const std::bad_alloc&) {
    return;
  }
}

void Shard::close() noexcept {
  std::lock_guard lock(mutex_);
  state_ = State::kClosing;
  if (running_ && !awake_) wake();
}

std::size_t Shard::join(Deadline until) { return thread_.join(until); }

}  // namespace tidegate::internal
