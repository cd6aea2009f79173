// SPDX-License-Identifier: Apache-2.0
#include "signals.hpp"

#include <pthread.h>

#include <algorithm>
#include <ctime>

namespace server {

Signals::Signals() noexcept : both_{} {
  sigemptyset(&both_);
  sigaddset(&both_, SIGINT);
  sigaddset(&both_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &both_, nullptr);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow any more is a write that fails, not an end
}

void Signals::wait() const noexcept {
  int number = 0;
  sigwait(&both_, &number);
}

void Signals::also_children() noexcept {
  ::signal(SIGCHLD, SIG_DFL);  // who was started with it ignored would never hear of an end
  sigaddset(&both_, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &both_, nullptr);
}

void Signals::only_own() noexcept {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigdelset(&both_, SIGCHLD);
  pthread_sigmask(SIG_UNBLOCK, &children, nullptr);
}

int Signals::next(tidegate::Duration timeout) const noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec most = {static_cast<time_t>(seconds.count()),
                         static_cast<long>((timeout - seconds).count())};
  return std::max(0, sigtimedwait(&both_, nullptr, &most));
}

bool Signals::came_within(tidegate::Duration timeout) const noexcept {
  const int number = next(timeout);
  if (number == 0) return false;
  raise(number);
  return true;
}

}  // namespace server
