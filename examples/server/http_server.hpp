// SPDX-License-Identifier: Apache-2.0
//
// HttpServer: HTTP/1.1 for a handler, with every bound set. A request goes this way:
//
//   accept thread → Lobby, until its head is whole → a worker of one of two crews: parsed by
//   cpp-httplib, answered by the handler, sent → Lobby again, or seen off
//
// What may wait for the database (/api/…) has `server.threads` workers; everything else has four
// of its own, so that the health and the metrics of a busy server can always be read.
//
// It is an example behind a reverse proxy, no front door: docs/guides/server.md says why.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "reply.hpp"
#include "tidegate/config.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"
#include "traffic.hpp"

namespace server {

struct Request {
  std::string_view method;
  std::string_view path;   // as it was sent, not decoded
  std::string_view query;  // likewise, what follows the question mark
  bool body;               // it announces one, which nobody reads
  bool encoded_body;
  std::string if_none_match;  // the header
  tidegate::TimePoint arrived;
};

class HttpServer {
 public:
  // Called in a worker, and may block.
  using Handler = std::function<Reply(const Request&)>;

  HttpServer(const tidegate::Config& config, Traffic& traffic);
  ~HttpServer();

  // Binds server.host and server.port. Clients may connect, and wait, from here on.
  tidegate::Status listen();

  // The port, also where any free one was asked for.
  int port() const noexcept;

  // Answers by `handler` from here on. REQUIRES: listen() was OK.
  void serve(Handler handler);

  // Accepts no more and waits for the requests in flight, `patience` at most. True if all ended.
  bool close(tidegate::Duration patience);

  // For a parent whose workers answer: no longer holds the door open itself.
  void leave_door();

  // Ends all threads; what still waits is answered first.
  void finish();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace server
