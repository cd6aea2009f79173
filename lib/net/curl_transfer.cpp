// SPDX-License-Identifier: Apache-2.0
#include "net/curl_transfer.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "net/address_reach.hpp"
#include "net/curl_drain.hpp"
#include "net/curl_error.hpp"
#include "net/curl_route.hpp"

namespace tidegate::internal {

namespace {

// A length that is promised is not believed with more memory than this.
constexpr std::uint64_t kMostReserved = std::uint64_t{1} << 20;
constexpr std::size_t kMostOfARedirect = std::size_t{64} << 10;

Duration time_of(CURL* easy, CURLINFO info) noexcept {
  curl_off_t microseconds = 0;
  (void)::curl_easy_getinfo(easy, info, &microseconds);
  return std::chrono::microseconds(microseconds);
}

int number_of(CURL* easy, CURLINFO info) noexcept {
  long number = 0;
  (void)::curl_easy_getinfo(easy, info, &number);
  return static_cast<int>(number);
}

std::string through(const TransportRequest& request) {
  if (!request.route) return {};
  const char* const what = request.route->is_proxy() ? "through the proxy " : "over the socket ";
  return what + request.route->shown + " ";
}

Status no_answer(const TransportRequest& request) {
  return Status(Cause::kAttemptTimeout, request.method + " " + request.shown +
                                            ": no answer within " +
                                            format_duration(request.attempt_timeout));
}

}  // namespace

CurlTransfer::CurlTransfer(CurlMulti& multi, const TransportRequest& request,
                           CurlStart start) noexcept
    : CurlEnd(multi), request_(request), start_(std::move(start)), head_(request.max_head) {}

CurlTransfer::~CurlTransfer() { stop(); }

bool CurlTransfer::start(Scope& scope, std::coroutine_handle<> flow) noexcept {
  Leaf::refuse(scope.reason());
  if (!scope.ok()) return false;
  park(scope, flow);
  Status begun = begin(scope.loop());
  if (!begun.ok()) end(std::move(begun));
  return true;
}

// Nothing is thrown past a flow that is parked.
Status CurlTransfer::begin(Loop& loop) noexcept try {
  easy_ = multi().take();
  if (!easy_) return Status(Cause::kNoMemory, "no memory for a transfer");
  Status ready = set_up();
  if (!ready.ok()) return ready;
  loop.arm(*this, due());
  return multi().begin(easy_, *this);  // it may end in there
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "no memory for a transfer");
}

Status CurlTransfer::set_up() {
  CurlOptions options(easy_);
  options.set_always();
  options.set_request(request_);
  if (request_.route) set_route(options, request_);
  const Duration spent = scope()->loop().now() - start_.begun;
  options.set_connect_timeout(request_.connect_timeout - spent);
  options.set_addresses(start_.addresses);
  options.set_kept(multi().kept());
  options.set(CURLOPT_ERRORBUFFER, words_.data());
  options.set(CURLOPT_OPENSOCKETFUNCTION, &CurlMulti::open_socket);
  options.set(CURLOPT_OPENSOCKETDATA, static_cast<CurlEnd*>(this));
  options.set(CURLOPT_CLOSESOCKETFUNCTION, &CurlMulti::close_socket);
  options.set(CURLOPT_CLOSESOCKETDATA, &multi());
  const curl_prereq_callback on_send = [](void* self, char* address, char*, int remote, int local) {
    const CurlPorts ports{.local = local, .remote = remote};
    const bool sends = static_cast<CurlTransfer*>(self)->send(address, ports);
    return sends ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
  };
  const curl_write_callback on_head = [](char* data, std::size_t, std::size_t size, void* self) {
    return static_cast<CurlTransfer*>(self)->hear_head({data, size}) ? size : 0;
  };
  const curl_write_callback on_body = [](char* data, std::size_t, std::size_t size, void* self) {
    return static_cast<CurlTransfer*>(self)->hear_body({data, size});
  };
  options.set(CURLOPT_PREREQFUNCTION, on_send);
  options.set(CURLOPT_PREREQDATA, this);
  options.set(CURLOPT_HEADERFUNCTION, on_head);
  options.set(CURLOPT_HEADERDATA, this);
  options.set(CURLOPT_WRITEFUNCTION, on_body);
  options.set(CURLOPT_WRITEDATA, this);
  if (request_.upload) {
    const curl_read_callback on_fill = [](char* room, std::size_t, std::size_t size, void* self) {
      return static_cast<CurlTransfer*>(self)->fill({room, size});
    };
    options.set(CURLOPT_READFUNCTION, on_fill);
    options.set(CURLOPT_READDATA, this);
    request_.upload->begin(scope()->loop(), *this);
  }
  headers_ = options.take_headers();
  addresses_ = options.take_addresses();
  return options.status();
}

TimePoint CurlTransfer::due() const noexcept {
  if (phase_ == Phase::kBody) return std::max(heard_, filled_) + request_.read_timeout;
  if (phase_ == Phase::kSent && request_.upload) return filled_ + request_.attempt_timeout;
  const TimePoint head = start_.begun + request_.attempt_timeout;
  return phase_ == Phase::kSent ? head : std::min(head, start_.begun + request_.connect_timeout);
}

// What was put off meanwhile is only noticed here, so that a byte that comes costs no timer.
void CurlTransfer::fired() noexcept {
  Loop& loop = scope()->loop();
  if (local_error_ != 0) return ended(CURLE_COULDNT_CONNECT);
  if (std::exchange(looks_again_, false)) return send_on();
  if (stands_still_ || (sends_nothing_ && phase_ != Phase::kBody)) return;
  if (loop.now() < due()) return loop.arm(*this, due());
  try {
    reply_.proxy_failed =
        request_.route && request_.route->is_proxy() && phase_ == Phase::kConnecting;
    end(late());
  } catch (const std::bad_alloc&) {
    end(Status(Cause::kNoMemory, ""));
  }
}

void CurlTransfer::ended(CURLcode code) noexcept try {
  if (!refused_.ok()) {
    if (reply_.proxy_failed) reply_.sends = 0;  // to the server
    return end(refused_);
  }
  if (code != CURLE_OK && reply_.wants_connection) {
    return end(Status(Cause::kConnect, what() + ": it may not open a connection"));
  }
  if (code != CURLE_OK && was_blocked_ && !was_allowed_) {
    refuse_address("the host has no public address");
    return end(refused_);
  }
  if (code != CURLE_OK && !has_enough_) return end(failed(code));
  if (!head_.complete()) return end(Status(Cause::kProtocol, what() + ": a head without an end"));
  reply_.http_status = head_.status();
  reply_.headers = head_.take_headers();
  reply_.body = Bytes(std::move(body_));
  end(Status());
} catch (const std::bad_alloc&) {
  end(Status(Cause::kNoMemory, "no memory for the end of a transfer"));
}

// Its timer, and not this call, ends it: libcurl is on the stack.
void CurlTransfer::hindered(int error) noexcept {
  local_error_ = error;
  if (parked()) scope()->loop().arm(*this, scope()->loop().now());
}

// One that is not public is passed over; libcurl goes on to the next that the host has.
bool CurlTransfer::may_connect(const sockaddr& address) noexcept {
  // What was sent already is not begun anew from outside.
  if (!request_.may_open && reply_.sends == 0) {
    reply_.wants_connection = true;
    return false;
  }
  const bool may = !request_.public_only || request_.route || is_public_address(address);
  (may ? was_allowed_ : was_blocked_) = true;
  return may;
}

void CurlTransfer::end(Status status) noexcept {
  stop();
  reply_.status = std::move(status);
  complete(Cause::kNone);
}

void CurlTransfer::stop() noexcept {
  if (!easy_) return;
  read_info();
  multi().shard().disarm(*this);
  multi().give_back_buffer(std::exchange(buffered_, 0));
  multi().stop(*this);
  multi().give_back(std::exchange(easy_, nullptr));
  if (std::exchange(streams_, false)) request_.sink->end();
  if (request_.upload) request_.upload->end();
}

// Who has sent its request and goes of its own will leaves the rest of the answer to a drain.
void CurlTransfer::on_cancel() noexcept {
  if (!may_come_to_its_end()) return stop();
  read_info();
  multi().shard().disarm(*this);
  multi().give_back_buffer(std::exchange(buffered_, 0));
  multi().drain(std::exchange(easy_, nullptr), *this,
                {.headers = std::move(headers_),
                 .addresses = std::move(addresses_),
                 .body = request_.body,
                 .place = request_.place});
}

bool CurlTransfer::may_come_to_its_end() const noexcept {
  const bool is_sent = easy_ && phase_ != Phase::kConnecting && refused_.ok() && local_error_ == 0;
  return is_sent && !streams_ && !request_.upload && scope()->reason() == Cause::kCancelled;
}

void CurlTransfer::read_info() noexcept {
  reply_.connections = number_of(easy_, CURLINFO_NUM_CONNECTS);
  reply_.reused = reply_.sends > 0 && reply_.connections == 0;
  const Duration looked_up = time_of(easy_, CURLINFO_NAMELOOKUP_TIME_T);
  const Duration connected = time_of(easy_, CURLINFO_CONNECT_TIME_T);
  const Duration secured = time_of(easy_, CURLINFO_APPCONNECT_TIME_T);
  TransportTimings& timings = reply_.timings;
  if (!reply_.reused) {
    timings.dns = start_.dns;
    timings.connect = std::max(Duration::zero(), connected - looked_up);
    timings.tls = std::max(Duration::zero(), secured - connected);
  }
  timings.first_byte = time_of(easy_, CURLINFO_STARTTRANSFER_TIME_T);
  if (timings.first_byte > Duration::zero()) timings.first_byte += start_.dns;
  timings.total = start_.dns + time_of(easy_, CURLINFO_TOTAL_TIME_T);
}

TransportReply CurlTransfer::take_reply(Cause woken) {
  if (woken != Cause::kNone) reply_.status = Status(woken, what() + ": it was stopped");
  return std::move(reply_);
}

void CurlTransfer::refuse(Status why) noexcept {
  if (refused_.ok()) refused_ = std::move(why);
}

void CurlTransfer::refuse_address(std::string_view why) noexcept try {
  refuse(Status(Cause::kBlockedAddress,
                what() + ": " + std::string(why) + ", and only those may be connected to"));
} catch (const std::bad_alloc&) {
  refuse(Status(Cause::kBlockedAddress, ""));
}

// A kept connection was opened for somebody else, who may have had leave for it.
bool CurlTransfer::send(const char* address, CurlPorts ports) noexcept {
  multi().connected(*this);
  const bool has_ports = !request_.route || request_.route->is_proxy();
  ports_ = has_ports ? ports : CurlPorts();
  const bool is_public = request_.route
                             ? start_.is_public
                             : is_public_address(std::string_view(address ? address : ""));
  if (request_.public_only && !is_public) {
    refuse_address("its address is not public");
    return false;
  }
  reply_.from_public = is_public;
  if (reply_.sends < request_.most_sends) {
    ++reply_.sends;
    phase_ = Phase::kSent;
    if (request_.upload) filled_ = scope()->loop().now();
    head_.begin_again();
    return true;
  }
  try {
    refuse(Status(Cause::kConnectionLost,
                  what() + ": a kept connection was lost before the answer; the server may have "
                           "acted on the request"));
  } catch (const std::bad_alloc&) {
    refuse(Status(Cause::kConnectionLost, ""));
  }
  return false;
}

bool CurlTransfer::hear_head(std::string_view line) noexcept try {
  const bool was_complete = head_.complete();
  Status heard = head_.line(line);
  if (heard.ok() && head_.complete() && !was_complete) heard = begin_body();
  if (heard.ok()) return true;
  refuse(Status(heard.cause(), what() + ": " + std::string(heard.message())));
  return false;
} catch (const std::bad_alloc&) {
  refuse(Status(Cause::kNoMemory, "no memory for the head of an answer"));
  return false;
}

Status CurlTransfer::begin_body() {
  phase_ = Phase::kBody;
  Loop& loop = scope()->loop();
  heard_ = loop.now();
  // A server that has refused wants no more of the body, which libcurl sees when it looks at it.
  looks_again_ = sends_nothing_;
  loop.arm(*this, looks_again_ ? loop.now() : due());
  if (refuses_user(request_, head_.status())) {
    reply_.proxy_failed = true;
    refuse(user_refused(what(), *request_.route));
    return refused_;
  }
  if (is_followed()) return {};
  if (request_.sink) begin_stream();
  // What has no body may tell how long the one would be that it has not (RFC 9110 8.6).
  if (request_.method == "HEAD" || head_.status() == 204 || head_.status() == 304) return {};
  const std::uint64_t length = head_.length().value_or(0);
  const std::size_t most = streams_ ? request_.max_streamed : request_.max_body;
  if (length > most) {
    return Status(Cause::kTooLarge, "a body of " + std::to_string(length) + " bytes, and " +
                                        std::to_string(most) + " are allowed");
  }
  if (!streams_) body_.reserve(static_cast<std::size_t>(std::min(length, kMostReserved)));
  return {};
}

void CurlTransfer::begin_stream() {
  read_info();
  reply_.http_status = head_.status();
  reply_.headers = head_.headers();
  streams_ = request_.sink->begin(reply_, *this);
}

bool CurlTransfer::is_followed() const noexcept {
  return request_.follows && head_.leads_elsewhere();
}

std::size_t CurlTransfer::hear_body(std::string_view bytes) noexcept try {
  heard_ = scope()->loop().now();
  if (streams_) return stream(bytes);
  return keep(bytes) ? bytes.size() : 0;
} catch (const std::bad_alloc&) {
  refuse(Status(Cause::kNoMemory, "no memory for the body of an answer"));
  return 0;
}

bool CurlTransfer::keep(std::string_view bytes) {
  const std::size_t most = std::min(kMostOfARedirect, request_.max_body);
  if (is_followed() && bytes.size() > most - body_.size()) {
    has_enough_ = true;
    return false;
  }
  if (bytes.size() > request_.max_body - body_.size()) {
    refuse(too_large(request_.max_body));
    return false;
  }
  if (!multi().buffer(bytes.size())) {
    refuse(Status(Cause::kLocalResource, what() + ": the bodies of all requests together take " +
                                             std::to_string(multi().kept().bytes) + " bytes"));
    return false;
  }
  buffered_ += bytes.size();
  body_.append(bytes);
  return true;
}

std::size_t CurlTransfer::stream(std::string_view bytes) {
  if (bytes.size() > request_.max_streamed - streamed_) {
    refuse(too_large(request_.max_streamed));
    return 0;
  }
  if (!request_.sink->take(bytes)) {
    stands_still_ = true;
    multi().stands_still(*this, ports_);
    return CURL_WRITEFUNC_PAUSE;
  }
  streamed_ += bytes.size();
  return bytes.size();
}

void CurlTransfer::go_on() noexcept {
  if (!easy_ || !std::exchange(stands_still_, false)) return;
  heard_ = scope()->loop().now();
  resume();
}

void CurlTransfer::send_on() noexcept {
  if (!easy_ || !std::exchange(sends_nothing_, false)) return;
  filled_ = scope()->loop().now();
  resume();
}

// The bytes that were not taken come again in here. What is refused then libcurl tells by the code
// alone, and no message follows.
void CurlTransfer::resume() noexcept {
  scope()->loop().arm(*this, due());
  const int still = (stands_still_ ? CURLPAUSE_RECV : 0) | (sends_nothing_ ? CURLPAUSE_SEND : 0);
  const CURLcode code = ::curl_easy_pause(easy_, still);
  if (code != CURLE_OK) ended(code);
}

std::size_t CurlTransfer::fill(std::span<char> room) noexcept try {
  const Pulled pulled = request_.upload->pull(room);
  if (pulled.what == Pull::kNothing) {
    sends_nothing_ = true;
    multi().stands_still(*this, ports_);
    return CURL_READFUNC_PAUSE;
  }
  if (pulled.what == Pull::kFailed) {
    const Status why = request_.upload->failure();
    refuse(
        Status(why.cause(), what() + ": " + std::string(why.message())).with_origin(why.origin()));
    return CURL_READFUNC_ABORT;
  }
  filled_ = scope()->loop().now();
  return pulled.size;
} catch (const std::bad_alloc&) {
  refuse(Status(Cause::kNoMemory, "no memory for the body of a request"));
  return CURL_READFUNC_ABORT;
}

Status CurlTransfer::late() const {
  if (phase_ == Phase::kBody) {
    return Status(Cause::kReadTimeout, what() + ": nothing more of the body came within " +
                                           format_duration(request_.read_timeout));
  }
  if (phase_ == Phase::kConnecting) return late_to_connect(request_);
  return no_answer(request_);
}

Status CurlTransfer::late_to_connect(const TransportRequest& request) {
  if (request.connect_timeout > request.attempt_timeout) return no_answer(request);
  return Status(Cause::kConnectTimeout, request.method + " " + request.shown + ": no connection " +
                                            through(request) + "within " +
                                            format_duration(request.connect_timeout));
}

Status CurlTransfer::too_large(std::size_t most) const {
  return Status(Cause::kTooLarge,
                what() + ": a body of more than " + std::to_string(most) + " bytes");
}

Status CurlTransfer::failed(CURLcode code) {
  // Its own time to connect, where the loop is late for both.
  if (code == CURLE_OPERATION_TIMEDOUT && local_error_ == 0 && phase_ == Phase::kConnecting) {
    reply_.proxy_failed = request_.route && request_.route->is_proxy();
    return late_to_connect(request_);
  }
  const CurlFailure failure{.code = code,
                            .text = words_.data(),
                            .error = number_of(easy_, CURLINFO_OS_ERRNO),
                            .local_error = local_error_,
                            .sent = reply_.sends > 0,
                            .has_head = head_.complete()};
  if (!request_.route || reply_.sends > 0) return curl_status(what(), failure);
  RouteFailure on_the_way = route_failure(easy_, request_, what(), failure);
  reply_.proxy_failed = on_the_way.is_the_proxys;
  return on_the_way.status.ok() ? curl_status(what(), failure) : on_the_way.status;
}

}  // namespace tidegate::internal
