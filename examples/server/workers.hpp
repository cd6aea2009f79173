// SPDX-License-Identifier: Apache-2.0
//
// Workers: the parent of several processes that answer on one socket. It starts no thread and holds
// no connection, so that what it forks is whole; it does nothing but wait for signals.
//
//   prepare   once, in a child of its own, because it needs threads
//   work      in each worker; one that ends is started again
//
//   * A worker that has lived for kLongEnough is replaced at once. One that has not waits for 0.1 s,
//     0.2 s and so on to 10 s, so that what cannot work does not take a processor.
//   * One that ends with kCannotStart ends all: another attempt would end in the same way.
//   * SIGTERM and SIGINT are passed on, and who is not gone after `patience` is killed.
//   * Workers end with their parent, however that ends.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "signals.hpp"
#include "tidegate/deadline.hpp"

namespace server {

class Workers {
 public:
  static constexpr int kCannotStart = 3;
  static constexpr tidegate::Duration kLongEnough = std::chrono::seconds(5);

  struct Tasks {
    std::function<int()> prepare;
    std::function<int()> work;
    std::function<void()> started;  // in the parent, once all of them are
    std::function<void()> ending;   // in the parent, before they are told
  };

  Workers(Signals& signals, std::size_t count, tidegate::Duration patience, Tasks tasks);

  // The exit code, when all have ended. Only a parent returns from here.
  int run();

 private:
  struct Place {
    pid_t process = 0;  // 0: none now
    tidegate::TimePoint began{};
    tidegate::TimePoint next{};  // not before
    int short_lives = 0;
  };

  int prepare();
  pid_t fork_into(const std::function<int()>& task);
  void start_missing();
  tidegate::Duration until_next() const;
  void reap();
  void note_end(Place& place, int status);
  int end_all();

  Signals& signals_;
  const tidegate::Duration patience_;
  const Tasks tasks_;
  std::vector<Place> places_;
  int exit_code_ = 0;
  bool ending_ = false;
};

// A directory of this user alone that is gone with the object, in the process that made it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  // Empty where none could be made.
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  const pid_t maker_;
};

}  // namespace server
