// SPDX-License-Identifier: Apache-2.0
#include "lobby.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>

#include "head.hpp"
#include "problems.hpp"

namespace server {

using namespace std::chrono_literals;
using tidegate::Deadline;
using tidegate::TimePoint;

namespace {
constexpr tidegate::Duration kLeavingTime = 1s;
constexpr tidegate::Duration kLastChance = 200ms;  // of a newcomer, once the doors are closed

}  // namespace

Lobby::Lobby(const Limits& limits, Traffic& traffic, Serve serve)
    : limits_(limits),
      traffic_(traffic),
      serve_(std::move(serve)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake_.get()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  thread_ = std::thread([this] { run(); });
}

Lobby::~Lobby() {
  ended_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void Lobby::enter(Descriptor socket) {
  auto guest = std::make_unique<Guest>();
  guest->socket = std::move(socket);
  guest->open = traffic_.connections.mark();
  guest->newcomer = traffic_.newcomers.mark();
  post(std::move(guest), State::kNew);
}

bool Lobby::may_stay(Guest& guest) const {
  if (closing_) return false;
  if (!guest.kept) guest.kept = traffic_.kept.mark_below(limits_.kept);
  return static_cast<bool>(guest.kept);
}

void Lobby::come_back(std::unique_ptr<Guest> guest) { post(std::move(guest), State::kIdle); }

void Lobby::see_off(std::unique_ptr<Guest> guest) {
  ::shutdown(guest->socket.get(), SHUT_WR);
  guest->kept.drop();
  post(std::move(guest), State::kLeaving);
}

void Lobby::close_doors() {
  closing_ = true;
  ::eventfd_write(wake_.get(), 1);
}

void Lobby::post(std::unique_ptr<Guest> guest, State state) {
  guest->asking.drop();
  std::lock_guard lock(mutex_);
  posted_.emplace_back(std::move(guest), state);
  if (posted_.size() == 1) ::eventfd_write(wake_.get(), 1);
}

void Lobby::run() {
  std::array<epoll_event, 64> events;
  for (bool doors_open = true; !ended_;) {
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   milliseconds_to_next());
    for (int i = 0; i < ready; ++i) {
      const int socket = events[static_cast<std::size_t>(i)].data.fd;
      if (socket != wake_.get()) readable(socket);
    }
    take_posted();
    expire(Deadline::now());
    if (doors_open && closing_) {
      doors_open = false;
      std::vector<int> sockets;
      sockets.reserve(seats_.size());
      for (const auto& [socket, seat] : seats_) sockets.push_back(socket);
      for (int socket : sockets) readable(socket);
    }
  }
}

void Lobby::take_posted() {
  std::vector<std::pair<std::unique_ptr<Guest>, State>> posted;
  {
    std::lock_guard lock(mutex_);
    eventfd_t ignored;
    ::eventfd_read(wake_.get(), &ignored);
    posted.swap(posted_);
  }
  for (auto& [guest, state] : posted) welcome(std::move(guest), state);
}

void Lobby::welcome(std::unique_ptr<Guest> guest, State state) {
  if (state == State::kNew && traffic_.connections.count() > limits_.connections) {
    if (order_.empty()) return turn_away(std::move(guest), problems::busy());
    unseat(order_.begin()->second);
  }
  if (state == State::kLeaving) {
    sit(std::move(guest), state, Deadline::now() + kLeavingTime);
  } else {
    listen_to(std::move(guest), state, Deadline::now() + limits_.keep_alive);
  }
}

void Lobby::readable(int socket) {
  const auto seat = seats_.find(socket);
  if (seat == seats_.end()) return;
  const State state = seat->second.state;
  const TimePoint until = seat->second.until;
  auto guest = unseat(socket);
  if (state == State::kLeaving) return drop_input(std::move(guest), until);
  listen_to(std::move(guest), state, until);
}

void Lobby::listen_to(std::unique_ptr<Guest> guest, State state, TimePoint until) {
  const Progress progress = read_head(*guest);
  if (!guest->asking && progress != Progress::kGone &&
      (progress != Progress::kPart || !guest->input.empty())) {
    guest->asking = traffic_.requests.mark();
    guest->newcomer.drop();
    until = Deadline::now() + limits_.read_timeout;
  }
  switch (progress) {
    case Progress::kGone: return;
    case Progress::kLineTooLong: return turn_away(std::move(guest), problems::long_line());
    case Progress::kHeadTooLarge: return turn_away(std::move(guest), problems::large_head());
    case Progress::kMalformed: return turn_away(std::move(guest), problems::refused(400));
    case Progress::kWhole:
      if (auto refused = serve_(std::move(guest))) turn_away(std::move(refused), problems::busy());
      return;
    case Progress::kPart: break;
  }
  if (guest->asking) return sit(std::move(guest), State::kAsking, until);
  if (closing_ && state == State::kIdle) return;
  if (closing_) until = std::min(until, Deadline::now() + kLastChance);
  sit(std::move(guest), state, until);
}

// The reader of an answer may still send: its bytes have to go somewhere, or the kernel resets the
// connection and the answer with it.
void Lobby::drop_input(std::unique_ptr<Guest> guest, TimePoint until) {
  std::array<char, 4096> buffer;
  for (int i = 0; i < 64; ++i) {
    const ssize_t got = ::recv(guest->socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) return;
  }
  sit(std::move(guest), State::kLeaving, until);
}

void Lobby::sit(std::unique_ptr<Guest> guest, State state, TimePoint until) {
  const int socket = guest->socket.get();
  epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event) != 0) return;
  order_.emplace(until, socket);
  seats_.emplace(socket, Seat{std::move(guest), state, until});
}

std::unique_ptr<Guest> Lobby::unseat(int socket) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
  auto seat = seats_.extract(socket);
  order_.erase({seat.mapped().until, socket});
  return std::move(seat.mapped().guest);
}

void Lobby::turn_away(std::unique_ptr<Guest> guest, const Problem& problem) {
  const std::string answer = problems::whole_answer(problem);
  traffic_.count("other", problem.status);
  (void)::send(guest->socket.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(guest->socket.get(), SHUT_WR);
  guest->asking.drop();
  drop_input(std::move(guest), Deadline::now() + kLeavingTime);
}

void Lobby::expire(TimePoint now) {
  while (!order_.empty() && order_.begin()->first <= now) {
    const int socket = order_.begin()->second;
    const State state = seats_.at(socket).state;
    auto guest = unseat(socket);
    if (state == State::kAsking) turn_away(std::move(guest), problems::slow_head());
  }
}

int Lobby::milliseconds_to_next() const {
  if (order_.empty()) return -1;
  const auto left = Deadline::at(order_.begin()->first).left();
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace server
