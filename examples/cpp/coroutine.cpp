// SPDX-License-Identifier: Apache-2.0
//
// Straight-line asynchronous code: a coroutine awaits two queries that run at the same time, and
// goes on on the thread of main(), by a dispatcher of its own.
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <iostream>
#include <mutex>
#include <thread>
#include <tidegate/tidegate.hpp>
#include <utility>

namespace tg = tidegate;
using namespace std::chrono_literals;

namespace {

// Runs what it is given on whichever thread calls run(). An event loop has something of the kind
// already: its "post" is dispatch().
class Here final : public tg::Dispatcher {
 public:
  void dispatch(std::function<void()> work) override {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
    came_.notify_one();  // under the lock: without it, run() may end and this object be gone
  }

  void run(const bool& finished) {
    while (!finished) {
      std::unique_lock lock(mutex_);
      came_.wait(lock, [this] { return !waiting_.empty(); });
      auto work = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::function<void()>> waiting_;
};

// The least coroutine type: it starts at once and nobody awaits it. Any task type does as well.
struct Flow {
  struct promise_type {
    Flow get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() { std::terminate(); }
  };
};

// Parameters of a coroutine are taken by value, unless they outlive it for certain.
Flow compare(tg::Database db, Here& here, bool& finished) {
  const std::thread::id home = std::this_thread::get_id();
  auto audi = db.query("SELECT 21000 AS price").timeout(5s).start();
  auto seat = db.query("SELECT 13000 AS price").timeout(5s).start();  // both run now
  audi.resume_on(here);
  seat.resume_on(here);
  const auto first = co_await audi;
  const auto second = co_await seat;
  if (first.ok() && second.ok()) {
    const auto difference =
        first->value[0]["price"].integer() - second->value[0]["price"].integer();
    std::cout << "the difference is " << difference << ", found on "
              << (home == std::this_thread::get_id() ? "main's thread" : "another thread") << '\n';
  }
  finished = true;
}

}  // namespace

int main() {
  tg::Executor ex;
  auto db = ex.sqlite(":memory:");
  Here here;
  bool finished = false;
  compare(db, here, finished);
  here.run(finished);
}
