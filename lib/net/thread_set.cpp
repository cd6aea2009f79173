// SPDX-License-Identifier: Apache-2.0
#include "net/thread_set.hpp"

#include <signal.h>

#include <condition_variable>
#include <cstring>
#include <string>
#include <utility>

#include "net/thread_count.hpp"

namespace tidegate::internal {

namespace {

constexpr std::size_t kStackBytes = std::size_t{1024} * 1024;

}  // namespace

struct ThreadSet::Thread {
  std::function<void()> body;
  std::string name;
  pthread_t id{};

  bool has_ended() {
    std::lock_guard lock(mutex);
    return ended;
  }
  // pthread_clockjoin_np would do, but thread sanitizers do not know it.
  bool wait_ended(Deadline until) {
    std::unique_lock lock(mutex);
    if (until.is_never()) {
      changed.wait(lock, [this] { return ended; });
    } else {
      changed.wait_until(lock, until.time(), [this] { return ended; });
    }
    return ended;
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;  // guarded by mutex
};

void* ThreadSet::enter(void* raw) {
  std::unique_ptr<std::shared_ptr<Thread>> thread(static_cast<std::shared_ptr<Thread>*>(raw));
  pthread_setname_np(pthread_self(), (*thread)->name.c_str());
  (*thread)->body();
  // Before the body goes: with it may go who would be joined.
  thread_count_add(-1);
  (*thread)->body = nullptr;
  std::lock_guard lock((*thread)->mutex);
  (*thread)->ended = true;
  (*thread)->changed.notify_all();
  return nullptr;
}

Status ThreadSet::start(const char* name, std::function<void()> body) {
  auto thread = std::make_shared<Thread>();
  thread->body = std::move(body);
  thread->name = name;
  auto argument = std::make_unique<std::shared_ptr<Thread>>(thread);

  std::lock_guard lock(mutex_);
  reap();
  threads_.reserve(threads_.size() + 1);

  sigset_t all, before;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_count_add(+1);
  const int failed = pthread_create(&thread->id, &attributes, &ThreadSet::enter, argument.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (failed) {
    thread_count_add(-1);
    return Status(Cause::kLocalResource, std::string("thread '") + name +
                                             "' could not be started: " + std::strerror(failed));
  }
  (void)argument.release();
  threads_.push_back(std::move(thread));
  return Status();
}

void ThreadSet::reap() {
  std::erase_if(threads_, [](const std::shared_ptr<Thread>& thread) {
    return thread->has_ended() && pthread_join(thread->id, nullptr) == 0;
  });
}

void ThreadSet::hand_over(ThreadSet& to) {
  std::scoped_lock lock(mutex_, to.mutex_);
  to.threads_.insert(to.threads_.end(), threads_.begin(), threads_.end());
  threads_.clear();
}

std::size_t ThreadSet::join(Deadline until) {
  std::vector<std::shared_ptr<Thread>> threads;
  {
    std::lock_guard lock(mutex_);
    threads = std::exchange(threads_, {});
  }
  std::erase_if(threads, [&](const std::shared_ptr<Thread>& thread) {
    return thread->wait_ended(until) && pthread_join(thread->id, nullptr) == 0;
  });
  std::lock_guard lock(mutex_);
  const std::size_t left = threads.size();
  threads_.insert(threads_.end(), threads.begin(), threads.end());
  return left;
}

ThreadSet::~ThreadSet() {
  for (const auto& thread : threads_) pthread_detach(thread->id);
}

}  // namespace tidegate::internal
