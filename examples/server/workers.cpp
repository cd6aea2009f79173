// SPDX-License-Identifier: Apache-2.0
#include "workers.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <utility>

namespace server {

using namespace std::chrono_literals;
using tidegate::Deadline;
using tidegate::Duration;

namespace {

constexpr Duration kShortestPause = 100ms;
constexpr int kDoublings = 7;
constexpr Duration kLongestPause = 10s;
constexpr Duration kLongTime = 1h;

void say(const std::string& what) { std::cerr << "tidegate-server: " + what + "\n" << std::flush; }

std::string how(int status) {
  if (WIFEXITED(status)) return "exited with status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  return "was killed by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

std::string seconds_text(Duration duration) {
  const auto tenths = duration / 100ms;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

Workers::Workers(Signals& signals, std::size_t count, Duration patience, Tasks tasks)
    : signals_(signals), patience_(patience), tasks_(std::move(tasks)), places_(count) {
  signals_.also_children();
}

pid_t Workers::fork_into(const std::function<int()>& task) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  signals_.only_own();
  if (::getppid() != parent) ::_exit(0);
  int code = 1;
  try {
    code = task();
  } catch (const std::exception& error) {
    say(error.what());
  }
  std::cout << std::flush;
  ::_exit(code);
}

int Workers::prepare() {
  const pid_t child = fork_into(tasks_.prepare);
  if (child < 0) {
    say(std::string("cannot fork: ") + std::strerror(errno));
    return 1;
  }
  while (true) {
    const int number = signals_.next(kLongTime);
    if (number == SIGTERM || number == SIGINT) {
      ending_ = true;
      ::kill(child, SIGTERM);
    }
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) != child) continue;
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    say("the preparation " + how(status));
    return ending_ ? 0 : 1;
  }
}

void Workers::start_missing() {
  for (Place& place : places_) {
    if (place.process != 0 || place.next > Deadline::now()) continue;
    place.began = Deadline::now();
    const pid_t child = fork_into(tasks_.work);
    if (child > 0) {
      place.process = child;
    } else {
      say(std::string("cannot fork: ") + std::strerror(errno));
      place.next = place.began + kLongestPause;
    }
  }
}

Duration Workers::until_next() const {
  Duration wait = kLongTime;
  for (const Place& place : places_) {
    if (place.process == 0) wait = std::min<Duration>(wait, place.next - Deadline::now());
  }
  return std::max(wait, Duration(0));
}

void Workers::reap() {
  int status = 0;
  for (pid_t process = 0; (process = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto place = std::ranges::find(places_, process, &Place::process);
    if (place != places_.end()) note_end(*place, status);
  }
}

void Workers::note_end(Place& place, int status) {
  const pid_t process = std::exchange(place.process, 0);
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (ending_) {
    if (well) return;
    exit_code_ = 1;
    return say("worker " + std::to_string(process) + " " + how(status));
  }
  const auto now = Deadline::now();
  const bool long_enough = now - place.began >= kLongEnough;
  place.short_lives = long_enough ? 0 : place.short_lives + 1;
  const Duration pause =
      long_enough ? Duration(0)
                  : std::min(kLongestPause,
                             kShortestPause * (1 << std::min(place.short_lives - 1, kDoublings)));
  place.next = now + pause;
  std::string text = "worker " + std::to_string(process) + " " + how(status);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotStart) {
    ending_ = true;
    exit_code_ = 1;
    return say(text + ": it could not start");
  }
  say(text + "; another one starts " +
      (long_enough ? std::string("now") : "in " + seconds_text(pause)));
}

int Workers::end_all() {
  ending_ = true;
  tasks_.ending();
  for (const Place& place : places_) {
    if (place.process != 0) ::kill(place.process, SIGTERM);
  }
  const Deadline until = Deadline::after(patience_);
  const auto alive = [this] {
    return std::ranges::any_of(places_, [](const Place& place) { return place.process != 0; });
  };
  for (reap(); alive() && until.left() > Duration(0); reap()) (void)signals_.next(until.left());
  if (!alive()) return exit_code_;
  for (const Place& place : places_) {
    if (place.process != 0) ::kill(place.process, SIGKILL);
  }
  while (alive()) {
    (void)signals_.next(kLongTime);
    reap();
  }
  return exit_code_;
}

int Workers::run() {
  if (const int code = prepare(); code != 0 || ending_) return code;
  start_missing();
  tasks_.started();
  while (!ending_) {
    const int number = signals_.next(until_next());
    if (number == SIGTERM || number == SIGINT) break;
    reap();
    if (!ending_) start_missing();
  }
  return end_all();
}

TemporaryDirectory::TemporaryDirectory() : maker_(::getpid()) {
  std::error_code ignored;
  for (const std::string& base :
       {std::string("/dev/shm"), std::filesystem::temp_directory_path(ignored).string()}) {
    std::string pattern = base + "/tidegate-server-XXXXXX";
    if (::mkdtemp(pattern.data())) {
      path_ = pattern;
      return;
    }
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty() && ::getpid() == maker_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace server
