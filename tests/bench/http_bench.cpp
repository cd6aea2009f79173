// SPDX-License-Identifier: Apache-2.0
// What a small GET costs in C++ with 64 in flight: http_bench URL. libcurl's multi interface driven
// by a loop of its own, tidegate on the shard that drives it, and tidegate from another thread. The
// three take turns; each figure is the median of several rounds. Prints one JSON object.
#include <curl/curl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/flow_operation.hpp"
#include "bench/timing.hpp"
#include "net/curl_transport.hpp"
#include "net/runtime.hpp"
#include "tidegate/http.hpp"
#include "tidegate/queue.hpp"
#include "tidegate/runtime.hpp"

using namespace tidegate;
using bench::median;
using namespace std::chrono_literals;

namespace {

constexpr int kInFlight = 64;
constexpr int kRequests = 64 * 150;
constexpr int kRounds = 7;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void expect(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "http_bench: %s\n", what);
  std::exit(1);
}

// As a careful program uses libcurl: handles that are set once, an epoll that follows its sockets.
class Raw {
 public:
  explicit Raw(const std::string& url) : multi_(::curl_multi_init()), epoll_(::epoll_create1(0)) {
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Raw::watch);
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Raw::arm);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    const curl_write_callback take = [](char* data, std::size_t, std::size_t size, void* body) {
      static_cast<std::string*>(body)->append(data, size);
      return size;
    };
    for (std::size_t i = 0; i < kInFlight; ++i) {
      CURL* const easy = ::curl_easy_init();
      ::curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
      ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
      ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
      ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
      ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &bodies_[i]);
      ::curl_easy_setopt(easy, CURLOPT_PRIVATE, &bodies_[i]);
      easy_.push_back(easy);
    }
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() {
    for (CURL* const easy : easy_) ::curl_easy_cleanup(easy);
    ::curl_multi_cleanup(multi_);
    ::close(epoll_);
  }

  void run() {
    started_ = done_ = 0;
    for (CURL* const easy : easy_) begin(easy);
    std::array<epoll_event, 64> events{};
    while (done_ < kRequests) {
      const int count =
          ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_);
      if (count == 0) act(CURL_SOCKET_TIMEOUT, 0);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        act(event.data.fd, (event.events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                               (event.events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
      }
      harvest();
    }
  }

 private:
  void begin(CURL* easy) {
    ++started_;
    ::curl_multi_add_handle(multi_, easy);
    act(CURL_SOCKET_TIMEOUT, 0);
  }
  void act(curl_socket_t socket, int events) {
    int running = 0;
    ::curl_multi_socket_action(multi_, socket, events, &running);
  }
  void harvest() {
    int left = 0;
    while (CURLMsg* const message = ::curl_multi_info_read(multi_, &left)) {
      expect(message->data.result == CURLE_OK, "a request of libcurl's failed");
      CURL* const easy = message->easy_handle;
      std::string* body = nullptr;
      ::curl_easy_getinfo(easy, CURLINFO_PRIVATE, &body);
      expect(*body == "hello", "another body");
      body->clear();
      ::curl_multi_remove_handle(multi_, easy);
      ++done_;
      if (started_ < kRequests) begin(easy);
    }
  }
  static int arm(CURLM*, long milliseconds, void* self) {
    static_cast<Raw*>(self)->timeout_ = static_cast<int>(milliseconds);
    return 0;
  }
  static int watch(CURL*, curl_socket_t fd, int what, void* raw, void* known) {
    auto* const self = static_cast<Raw*>(raw);
    epoll_event event{};
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    event.data.fd = fd;
    const int verb =
        what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : (known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
    (void)::epoll_ctl(self->epoll_, verb, fd, &event);
    ::curl_multi_assign(self->multi_, fd, what == CURL_POLL_REMOVE ? nullptr : self);
    return 0;
  }

  CURLM* const multi_;
  const int epoll_;
  std::vector<CURL*> easy_;
  std::array<std::string, kInFlight> bodies_;
  int timeout_ = -1;
  int started_ = 0;
  int done_ = 0;
};

// One of 64 flows on the shard, each with its share of the requests, through the transport alone.
class Worker final : public internal::FlowOperation {
 public:
  Worker(internal::Loop& loop, internal::Transport& transport, const std::string& url)
      : FlowOperation(loop, Deadline::never()), transport_(transport) {
    request_.method = "GET";
    request_.shown = url;
    request_.url = url;
    request_.headers.add("Accept", "*/*");
    request_.max_head = std::size_t{64} << 10;
    request_.max_body = std::size_t{1} << 20;
    request_.connect_timeout = request_.attempt_timeout = request_.read_timeout = 30s;
  }
  const void* result() const noexcept override { return &result_; }

 private:
  internal::Task<void> flow() override {
    for (int left = kRequests / kInFlight; left > 0; --left) {
      auto exchanging = transport_.exchange(&request_);
      const internal::TransportReply reply = co_await std::move(exchanging);
      expect(reply.status.ok() && reply.body.view() == "hello", "a request on the shard failed");
    }
  }
  void settle(const Status& outcome) noexcept override { result_ = outcome; }

  internal::Transport& transport_;
  internal::TransportRequest request_;
  Result<int> result_{0};
};

void on_shard(const std::string& url) {
  std::vector<Operation<int>> workers;
  for (int i = 0; i < kInFlight; ++i) {
    auto* const worker =
        new Worker(internal::Runtime::current().shard(), *internal::curl_transport(), url);
    workers.emplace_back(worker->begin());
  }
  for (const auto& worker : workers) (void)worker.wait();
}

void from_a_thread(const Client& http, const std::string& url) {
  CompletionQueue queue;
  pollfd ready{queue.fd(), POLLIN, 0};
  int started = 0;
  int done = 0;
  while (done < kRequests) {
    for (; started < kRequests && started - done < kInFlight; ++started) {
      queue.add(http.get(url).start(), 0);
    }
    (void)::poll(&ready, 1, -1);
    done += static_cast<int>(queue.drain([](const Completion& ended) {
      const auto& result = ended.result<Response>();
      expect(result.ok() && result->body.view() == "hello", "a request of the client's failed");
    }));
  }
}

struct Cost {
  std::vector<double> wall_us, cpu_us;
  void measure(const std::function<void()>& run) {
    const double cpu_before = cpu_seconds();
    const TimePoint before = Deadline::now();
    run();
    const auto wall = static_cast<double>((Deadline::now() - before).count());
    wall_us.push_back(wall * 1e-3 / kRequests);
    cpu_us.push_back((cpu_seconds() - cpu_before) * 1e6 / kRequests);
  }
  void print(const char* name, const char* behind) const {
    std::printf("\"%s\": {\"wall_us\": %.2f, \"cpu_us\": %.2f}%s\n", name, median(wall_us),
                median(cpu_us), behind);
  }
};

}  // namespace

int main(int argc, char** argv) {
  expect(argc == 2, "usage: http_bench URL");
  const std::string url = argv[1];
  expect(internal::CurlMulti::set_up(), "libcurl could not be set up");
  Raw raw(url);
  const Client http;
  Cost costs[3];
  for (int round = 0; round <= kRounds; ++round) {
    if (round == 1) std::ranges::fill(costs, Cost());  // the first opens the connections
    costs[0].measure([&] { raw.run(); });
    costs[1].measure([&] { on_shard(url); });
    costs[2].measure([&] { from_a_thread(http, url); });
  }
  std::printf("{");
  costs[0].print("libcurl", ",");
  costs[1].print("shard", ",");
  costs[2].print("thread", "}");
  return shutdown(2s).ok() ? 0 : 1;
}
