// SPDX-License-Identifier: Apache-2.0
#include "http_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "crew.hpp"
#include "head.hpp"
#include "head_stream.hpp"
#include "lobby.hpp"
#include "problems.hpp"

namespace server {

using namespace std::chrono_literals;
using tidegate::Cause;
using tidegate::Config;
using tidegate::Deadline;
using tidegate::Duration;
using tidegate::Status;

namespace {

constexpr int kBacklog = 1024;
constexpr std::size_t kOwnWorkers = 4;
constexpr int kNoRoom = 10;  // milliseconds until the next attempt where descriptors are short
constexpr Duration kLastAnswers = 1s;

std::size_t number(const Config& config, std::string_view key) {
  return static_cast<std::size_t>(config.integer(key));
}

// Not SO_REUSEPORT, which the packaged library sets: with it a second server on the same port
// starts, and takes half of the connections.
void set_socket_options(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

// A descriptor for each connection, and some for everything else.
void allow_descriptors(std::size_t connections) {
  constexpr rlim_t kOthers = 256;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, connections + kOthers));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool announces_body(const httplib::Request& request) {
  const auto lengths = request.headers.equal_range("Content-Length");
  const bool some = std::any_of(lengths.first, lengths.second,
                                [](const auto& header) { return header.second != "0"; });
  return some || request.has_header("Transfer-Encoding");
}

}  // namespace

class HttpServer::Core final : private httplib::Server {
 public:
  Core(const Config& config, Traffic& traffic);

  Status bind();
  void start(HttpServer::Handler handler);
  bool close(Duration patience);
  void finish();
  void leave_door();
  int port() const noexcept { return port_; }

 private:
  void accept_guests();
  std::unique_ptr<Guest> give_work(std::unique_ptr<Guest> guest);
  void attend(std::unique_ptr<Guest> guest);
  void fill(const httplib::Request& request, httplib::Response& response) const;
  Reply answer(const httplib::Request& request) const;

  // cpp-httplib hands on the request alone; whose it is, is kept here meanwhile.
  static thread_local const Guest* attended;

  Traffic& traffic_;
  const std::string host_;
  int port_;
  const Lobby::Limits limits_;
  const std::size_t threads_;
  const std::size_t queue_;
  const Duration write_timeout_;
  HttpServer::Handler handler_;
  std::unique_ptr<Crew> pages_;
  std::unique_ptr<Crew> others_;
  std::unique_ptr<Lobby> lobby_;
  Descriptor wake_;
  std::thread accepting_;
};

thread_local const Guest* HttpServer::Core::attended = nullptr;

HttpServer::Core::Core(const Config& config, Traffic& traffic)
    : traffic_(traffic),
      host_(config.text("server.host")),
      port_(static_cast<int>(config.integer("server.port"))),
      limits_{.connections = number(config, "server.connections"),
              .kept = number(config, "server.kept_connections"),
              .read_timeout = config.duration("server.read_timeout"),
              .keep_alive = config.duration("server.keep_alive")},
      threads_(number(config, "server.threads")),
      queue_(number(config, "server.queue")),
      write_timeout_(config.duration("server.write_timeout")) {
  set_tcp_nodelay(true);
  httplib::Server::set_socket_options(server::set_socket_options);
  // The lobby keeps these bounds; here they are what the header Keep-Alive says.
  set_keep_alive_timeout(
      std::chrono::duration_cast<std::chrono::seconds>(limits_.keep_alive).count());
  set_keep_alive_max_count(std::numeric_limits<std::int32_t>::max());
  set_payload_max_length(0);
  set_default_headers({{"Cache-Control", "no-store"}});
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    fill(request, response);
    return HandlerResponse::Handled;
  });
  const Handler tell_why = [this](const httplib::Request& request, httplib::Response& response) {
    if (!response.body.empty()) return;
    const Reply said = reply(problems::refused(response.status));
    traffic_.count("other", response.status);
    response.set_header("Date", http_date());
    if (request.get_header_value("Connection") != "close") {
      response.set_header("Connection", "close");
    }
    response.set_content(said.body, said.content_type);
  };
  set_error_handler(tell_why);
}

Status HttpServer::Core::bind() {
  const std::string where = host_ + ":" + std::to_string(port_);
  allow_descriptors(limits_.connections);
  errno = 0;
  if (port_ == 0) {
    port_ = bind_to_any_port(host_);
  } else if (!bind_to_port(host_, port_)) {
    port_ = -1;
  }
  const int why = errno;
  if (port_ > 0) {
    // Raises the packaged library's backlog of 5.
    ::listen(svr_sock_, kBacklog);
    return Status();
  }
  if (why == EADDRINUSE) {
    return Status(Cause::kConfig, where +
                                      " is in use by another program; stop it, or name another "
                                      "port with --port (0 for any free one)");
  }
  return Status(Cause::kConfig, "cannot listen on " + where + ": " +
                                    (why ? std::generic_category().message(why) : "unknown host"));
}

void HttpServer::Core::start(HttpServer::Handler handler) {
  handler_ = std::move(handler);
  wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto attend_to = [this](std::unique_ptr<Guest> guest) { attend(std::move(guest)); };
  pages_ = std::make_unique<Crew>(threads_, queue_, attend_to);
  others_ = std::make_unique<Crew>(kOwnWorkers, queue_, attend_to);
  lobby_ = std::make_unique<Lobby>(limits_, traffic_, [this](std::unique_ptr<Guest> guest) {
    return give_work(std::move(guest));
  });
  accepting_ = std::thread([this] { accept_guests(); });
}

// Workers share the socket: each is woken, one is faster, and the others must not wait in accept().
// Nor may one that ends shut it down for all, as cpp-httplib's stop() does.
void HttpServer::Core::accept_guests() {
  ::fcntl(svr_sock_, F_SETFL, ::fcntl(svr_sock_, F_GETFL) | O_NONBLOCK);
  std::array<pollfd, 2> waiting = {{{svr_sock_, POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
  while (true) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    const int socket = ::accept4(svr_sock_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket >= 0) {
      lobby_->enter(Descriptor(socket));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      ::poll(&waiting[1], 1, kNoRoom);
    }
  }
}

std::unique_ptr<Guest> HttpServer::Core::give_work(std::unique_ptr<Guest> guest) {
  Crew& crew = target_of(guest->head).starts_with("/api/") ? *pages_ : *others_;
  return crew.take(std::move(guest));
}

void HttpServer::Core::attend(std::unique_ptr<Guest> guest) {
  HeadStream stream(*guest);
  attended = guest.get();
  bool stays = lobby_->may_stay(*guest), read = false, close_asked = false;
  const bool written = process_request(stream, !stays, close_asked, [&](httplib::Request& request) {
    read = true;
    request.ranges.clear();
    request.headers.erase("Expect");  // or cpp-httplib would answer twice
    if (!announces_body(request)) return;
    // The body is never read, so that nothing after it can be taken for a request.
    stays = false;
    request.headers.erase("Connection");
    request.headers.emplace("Connection", "close");
  });
  const bool sent = written && stream.send(write_timeout_);
  if (sent && read && stays && !close_asked) {
    lobby_->come_back(std::move(guest));
  } else {
    lobby_->see_off(std::move(guest));
  }
}

void HttpServer::Core::fill(const httplib::Request& request, httplib::Response& response) const {
  const Reply said = answer(request);
  response.status = said.status;
  response.set_header("Date", http_date());
  for (const auto& [name, value] : said.headers) {
    response.headers.erase(name);  // the default of it
    response.set_header(name, value);
  }
  if (said.status == 304)
    return response.set_header("Content-Length", std::to_string(said.body.size()));
  response.set_content(said.body, said.content_type);
}

Reply HttpServer::Core::answer(const httplib::Request& request) const try {
  const std::string_view target = request.target;
  const std::size_t mark = target.find('?');
  return handler_({.method = request.method,
                   .path = target.substr(0, mark),
                   .query = mark == std::string_view::npos ? "" : target.substr(mark + 1),
                   .body = announces_body(request),
                   .encoded_body = request.has_header("Content-Encoding"),
                   .if_none_match = request.get_header_value("If-None-Match"),
                   .arrived = attended->arrived});
} catch (const std::exception& error) {
  std::cerr << "tidegate-server: a request failed: " << error.what() << "\n";
  return reply(problems::failed());
}

bool HttpServer::Core::close(Duration patience) {
  ::eventfd_write(wake_.get(), 1);
  accepting_.join();
  leave_door();
  lobby_->close_doors();
  const Deadline until = Deadline::after(patience);
  return traffic_.newcomers.wait_for_none(until) && traffic_.requests.wait_for_none(until);
}

void HttpServer::Core::leave_door() { ::close(svr_sock_.exchange(INVALID_SOCKET)); }

void HttpServer::Core::finish() {
  traffic_.requests.wait_for_none(Deadline::after(kLastAnswers));
  pages_->finish();
  others_->finish();
  lobby_.reset();
}

HttpServer::HttpServer(const Config& config, Traffic& traffic)
    : core_(std::make_unique<Core>(config, traffic)) {}
HttpServer::~HttpServer() = default;
Status HttpServer::listen() { return core_->bind(); }
int HttpServer::port() const noexcept { return core_->port(); }
void HttpServer::serve(Handler handler) { core_->start(std::move(handler)); }
bool HttpServer::close(Duration patience) { return core_->close(patience); }
void HttpServer::finish() { core_->finish(); }
void HttpServer::leave_door() { core_->leave_door(); }

}  // namespace server
