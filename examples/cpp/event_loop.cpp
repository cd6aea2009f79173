// SPDX-License-Identifier: Apache-2.0
//
// An event loop of the program's own: one poll() watches a timer and a completion queue, behind
// which there may be any number of operations. No thread waits for any of them.
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <tidegate/tidegate.hpp>

namespace tg = tidegate;
using namespace std::chrono_literals;

namespace {

// What the numbers mean that the operations are queued under.
enum Tag : std::uint64_t { kPrice, kEndless, kRate };

int every(std::chrono::milliseconds interval) {
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  itimerspec spec{};
  spec.it_interval.tv_nsec = spec.it_value.tv_nsec = std::chrono::nanoseconds(interval).count();
  timerfd_settime(timer, 0, &spec, nullptr);
  return timer;
}

}  // namespace

int main() {
  tg::Executor ex;
  auto db = ex.sqlite(":memory:");
  auto rates = ex.callables("rates");

  tg::CompletionQueue queue;
  const char* endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  queue.add(db.query("SELECT 21000 AS price").start(), kPrice);
  queue.add(db.query(endless).timeout(300ms).label("endless").start(), kEndless);

  double price = 0;
  const auto handle = [&](const tg::Completion& done) {
    if (done.tag == kPrice) {
      price = done.result<tg::Answer<tg::Rows>>()->value[0]["price"].real();
      queue.add(rates.call([] { return 1.17; }).start(), kRate);  // the next step of a flow
    } else if (done.tag == kRate) {
      std::cout << price * done.result<tg::Answer<double>>()->value << " euros\n";
    } else {
      std::cout << done.result<tg::Answer<tg::Rows>>().status().message() << '\n';
    }
  };

  pollfd watched[] = {{queue.fd(), POLLIN, 0}, {every(10ms), POLLIN, 0}};
  std::uint64_t ticks = 0;
  for (std::size_t ended = 0; ended < 3 && poll(watched, 2, -1) > 0;) {
    std::uint64_t expirations = 0;
    if (watched[1].revents && read(watched[1].fd, &expirations, sizeof expirations) > 0) {
      ticks += expirations;  // whatever else the loop has to do
    }
    if (watched[0].revents) ended += queue.drain(handle);
  }
  close(watched[1].fd);
  std::cout << "the timer ticked meanwhile: " << (ticks > 10 ? "yes" : "no") << '\n';
}
