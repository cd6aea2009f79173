// SPDX-License-Identifier: Apache-2.0
// What a small GET notices of trouble elsewhere: of a lookup that hangs for 3 s, beside libcurl's
// multi interface alone, and of bodies that are bombs; and what a GET takes of memory that nobody
// answers. Prints one JSON object of figures.
#define DOCTEST_CONFIG_IMPLEMENT
#include <curl/curl.h>
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/timing.hpp"
#include "support/encode.hpp"
#include "support/loopback_port.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"
#include "tidegate/queue.hpp"
#include "tidegate/runtime.hpp"

// This program's comes before the system's, for tidegate and for libcurl.
extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* host,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) {
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (std::string_view(host ? host : "") != "hangs.test") {
    return real(host, service, hints, found);
  }
  std::this_thread::sleep_for(std::chrono::seconds(3));
  return EAI_AGAIN;
}

using namespace tidegate;
using bench::median;
using namespace std::chrono_literals;

namespace {

constexpr int kInFlight = 8;
constexpr auto kGivenUp = 300ms;  // for a connection to the host that is not found
constexpr auto kWatched = 4s;
constexpr int kSilenced = 10'000;

void expect(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "trouble_bench: %s\n", what);
  std::exit(1);
}

double ms(Duration time) { return static_cast<double>(time.count()) * 1e-6; }

// The ends of small GETs.
class Ends {
 public:
  void ended(TimePoint begun) {
    const TimePoint now = Deadline::now();
    took_.push_back(ms(now - begun));
    longest_gap_ = std::max(longest_gap_, now - last_);
    last_ = now;
  }
  double longest_gap() const { return ms(longest_gap_); }
  double p99() {
    std::ranges::sort(took_);
    return took_[took_.size() * 99 / 100];
  }

 private:
  std::vector<double> took_;
  TimePoint last_ = Deadline::now();
  Duration longest_gap_{};
};

Request patient(const Client& http, const std::string& url) {
  return http.get(url).timeout(30s).attempt_timeout(30s).attempts(1);
}

// Keeps small GETs in flight for a while, and `trouble` beside them: each as often as it ends.
Ends ask(const Client& http, const std::string& url, Duration time,
         const std::function<Operation<Response>()>& trouble = nullptr, int troubles = 0) {
  CompletionQueue queue;
  pollfd ready{queue.fd(), POLLIN, 0};
  std::vector<TimePoint> begun(kInFlight);
  const auto begin = [&](std::size_t which) {
    begun[which] = Deadline::now();
    queue.add(patient(http, url).start(), which);
  };
  std::vector<Operation<Response>> beside;
  for (int i = 0; i < troubles; ++i) beside.push_back(trouble());
  Ends ends;
  for (std::size_t i = 0; i < kInFlight; ++i) begin(i);
  const TimePoint until = Deadline::now() + time;
  for (int running = kInFlight; running > 0;) {
    (void)::poll(&ready, 1, -1);
    queue.drain([&](const Completion& done) {
      expect(done.result<Response>().ok(), "a small GET failed");
      ends.ended(begun[done.tag]);
      if (Deadline::now() < until) {
        begin(done.tag);
      } else {
        --running;
      }
    });
    for (auto& one : beside) {
      if (one.done() && Deadline::now() < until) one = trouble();
    }
  }
  for (const auto& one : beside) one.cancel();
  return ends;
}

std::size_t ignore(char*, std::size_t, std::size_t size, void*) { return size; }

// The same by libcurl alone; as a program does whose connections have a time, and no more.
Ends ask_by_libcurl(const std::string& url) {
  CURLM* const multi = ::curl_multi_init();
  std::vector<TimePoint> begun(kInFlight + 1);
  const auto begin = [&](CURL* easy, TimePoint* at) {
    *at = Deadline::now();
    ::curl_easy_setopt(easy, CURLOPT_PRIVATE, at);
    ::curl_multi_add_handle(multi, easy);
  };
  for (std::size_t i = 0; i <= kInFlight; ++i) {
    CURL* const easy = ::curl_easy_init();
    ::curl_easy_setopt(easy, CURLOPT_URL, i ? url.c_str() : "http://hangs.test/");
    ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
    ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, i ? 30'000L : long{kGivenUp.count()});
    begin(easy, &begun[i]);
  }
  Ends ends;
  const TimePoint until = Deadline::now() + kWatched;
  for (int running = 1; running > 0;) {
    ::curl_multi_perform(multi, &running);
    int left = 0;
    while (CURLMsg* const message = ::curl_multi_info_read(multi, &left)) {
      CURL* const easy = message->easy_handle;
      TimePoint* at = nullptr;
      ::curl_easy_getinfo(easy, CURLINFO_PRIVATE, &at);
      ::curl_multi_remove_handle(multi, easy);
      if (at != begun.data()) ends.ended(*at);
      if (at == begun.data() || Deadline::now() >= until) {
        ::curl_easy_cleanup(easy);
      } else {
        begin(easy, at);
        running = 1;
      }
    }
    ::curl_multi_poll(multi, nullptr, 0, 100, nullptr);
  }
  ::curl_multi_cleanup(multi);
  return ends;
}

// Who is given up is asked for again: the thread that looks it up stays in there for its 3 s.
void lookups(const Client& http, const std::string& url) {
  const auto hangs = [&] {
    return patient(http, "http://hangs.test/").connect_timeout(kGivenUp).start();
  };
  std::vector<double> quiet, hung;
  for (int round = 0; round < 3; ++round) {
    quiet.push_back(ask(http, url, kWatched).longest_gap());
    hung.push_back(ask(http, url, kWatched, hangs, 1).longest_gap());
  }
  std::printf("\"lookup_hangs\": {\"quiet_gap_ms\": %.2f, \"gap_ms\": %.2f, ", median(quiet),
              median(hung));
  std::printf("\"libcurl_gap_ms\": %.2f},\n", ask_by_libcurl(url).longest_gap());
}

// 1 GiB each; the client gives one up when 32 MiB of it are there.
void bombs(const Client& http, const std::string& url) {
  for (const char* const encoding : {"gzip", "br"}) {
    const std::string body = test::bomb(encoding, 1024);
    const std::string fields = std::string("Content-Encoding: ") + encoding + "\r\n";
    const test::ScriptedHttp server(
        {{"/bomb", [&](auto& peer, const auto&) { peer.answer(body, fields); }}});
    const auto bomb = [&] { return patient(http, server.url("/bomb")).start(); };
    expect(bomb().wait().status().cause() == Cause::kTooLarge, "a bomb was taken");
    std::vector<double> alone, beside;
    for (int round = 0; round < 3; ++round) {
      alone.push_back(ask(http, url, 1s).p99());
      beside.push_back(ask(http, url, 1s, bomb, 4).p99());
    }
    std::printf("\"bombs_%s\": {\"alone_p99_ms\": %.3f, \"beside_p99_ms\": %.3f}", encoding,
                median(alone), median(beside));
    std::printf(encoding[0] == 'g' ? ",\n" : "}\n");
  }
}

void allow_descriptors() {
  rlimit most{};
  expect(::getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_max > kSilenced + 500,
         "a process may not have 10,500 descriptors here");
  most.rlim_cur = most.rlim_max;
  expect(::setrlimit(RLIMIT_NOFILE, &most) == 0, "its descriptors stay bounded");
}

// A server that hears everybody and answers nobody. In a process of its own, whose memory is not ours.
class Silence {
 public:
  Silence() : port_(test::new_loopback_port()) {
    const int listening = ::dup(port_.socket.get());  // which a child of a fork does not have
    expect(::listen(listening, kSilenced) == 0 && ::pipe(told_) == 0, "no server");
    process_ = ::fork();
    if (process_ != 0) return;
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char byte = 0;
    for (int heard = 0; heard < kSilenced;) {
      const int peer = ::accept(listening, nullptr, nullptr);
      expect(peer >= 0, "the silent server takes nobody");
      heard += ::recv(peer, &byte, 1, 0) == 1 ? 1 : 0;
    }
    (void)!::write(told_[1], &byte, 1);
    for (;;) ::pause();
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    (void)::kill(process_, SIGKILL);
    (void)::waitpid(process_, nullptr, 0);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_.number) + "/"; }
  void wait_until_all_are_heard() const {
    char byte = 0;
    expect(::read(told_[0], &byte, 1) == 1, "the silent server went");
  }

 private:
  const test::LoopbackPort port_;
  int told_[2] = {};
  pid_t process_ = -1;
};

double resident_kb() {
  std::ifstream file("/proc/self/statm");
  double size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

double in_flight_kb(const Silence& server) {
  const test::ScriptedHttp small;
  expect(Client().get(small.url("/")).start().wait().ok(), "a small GET failed");  // made once
  const Client http(ClientOptions()
                        .name("silence")
                        .attempt_timeout(60s)
                        .timeout(60s)
                        .max_connections(kSilenced)
                        .max_connections_per_origin(kSilenced)
                        .connect_timeout(60s));
  const double before = resident_kb();
  std::vector<Operation<Response>> waiting;
  waiting.reserve(kSilenced);
  for (int i = 0; i < kSilenced; ++i) {
    waiting.push_back(http.get(server.url()).start());
  }
  server.wait_until_all_are_heard();
  return (resident_kb() - before) / kSilenced;
}

// In a process of its own: its descriptors would stay in the tables of this one.
void silence() {
  const pid_t measured = ::fork();
  if (measured == 0) {
    allow_descriptors();
    const Silence server;
    std::printf("\"in_flight_kb\": %.2f,\n", in_flight_kb(server));
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = -1;
  expect(::waitpid(measured, &status, 0) == measured && status == 0, "nothing was measured");
}

}  // namespace

int main() {
  doctest::Context asserts;  // of the server's
  asserts.setAsDefaultForAssertsOutOfTestCases();
  std::printf("{");
  std::fflush(stdout);
  silence();  // before there are threads
  ::curl_global_init(CURL_GLOBAL_DEFAULT);
  const test::ScriptedHttp server;
  const Client http;
  const std::string url = server.url("/");
  lookups(http, url);
  bombs(http, url);
  return shutdown(5s).ok() ? 0 : 1;
}
