// SPDX-License-Identifier: Apache-2.0
//
// Lobby: where guests wait, all of them in one thread: for the rest of their request's head, or for
// another request. Only a whole head goes on to a worker, so that a slow or silent client costs a
// socket and a few bytes, and never a thread.
//
//   * A head must be whole within `read_timeout` of its first byte (408), and small (414, 431).
//   * Who asks nothing for `keep_alive` is let go. At most `kept` may stay for another request.
//   * With `connections` open, a newcomer takes the place of who has waited longest; where nobody
//     waits, it is turned away (503).
//   * A guest that is answered for the last time is seen off: what it still sends is read and
//     dropped for a second, or the reset would overtake the answer.
//
// Thread-safety: everything here, from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "guest.hpp"
#include "reply.hpp"
#include "traffic.hpp"

namespace server {

class Lobby {
 public:
  struct Limits {
    std::size_t connections;
    std::size_t kept;
    tidegate::Duration read_timeout;
    tidegate::Duration keep_alive;
  };
  // Takes a guest whose head is whole; gives it back where it cannot be served (503). Called in the
  // lobby's thread.
  using Serve = std::function<std::unique_ptr<Guest>(std::unique_ptr<Guest>)>;

  Lobby(const Limits& limits, Traffic& traffic, Serve serve);
  ~Lobby();

  // A new connection.
  void enter(Descriptor socket);

  // Whether the guest may come back after this answer, which the answer has to tell it.
  bool may_stay(Guest& guest) const;

  // It has its answer, and waits for its next request.
  void come_back(std::unique_ptr<Guest> guest);

  // It has its last answer.
  void see_off(std::unique_ptr<Guest> guest);

  // From now on nobody stays: who does not ask is let go, a newcomer after a moment.
  void close_doors();

 private:
  enum class State { kNew, kIdle, kAsking, kLeaving };
  struct Seat {
    std::unique_ptr<Guest> guest;
    State state;
    tidegate::TimePoint until;
  };

  void post(std::unique_ptr<Guest> guest, State state);
  void run();
  void take_posted();
  void welcome(std::unique_ptr<Guest> guest, State state);
  void readable(int socket);
  void listen_to(std::unique_ptr<Guest> guest, State state, tidegate::TimePoint until);
  void drop_input(std::unique_ptr<Guest> guest, tidegate::TimePoint until);
  void sit(std::unique_ptr<Guest> guest, State state, tidegate::TimePoint until);
  std::unique_ptr<Guest> unseat(int socket);
  void turn_away(std::unique_ptr<Guest> guest, const Problem& problem);
  void expire(tidegate::TimePoint now);
  int milliseconds_to_next() const;

  const Limits limits_;
  Traffic& traffic_;
  const Serve serve_;
  Descriptor epoll_;
  Descriptor wake_;

  // The lobby's thread alone.
  std::unordered_map<int, Seat> seats_;
  std::set<std::pair<tidegate::TimePoint, int>> order_;  // who has to go first

  std::mutex mutex_;
  std::vector<std::pair<std::unique_ptr<Guest>, State>> posted_;  // guarded by mutex_
  std::atomic<bool> closing_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace server
