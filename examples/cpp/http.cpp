// SPDX-License-Identifier: Apache-2.0
//
// A client against a small server of this program's own: a request that is answered, one that is
// late, two on one page, and what never leaves the process.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <thread>
#include <tidegate/tidegate.hpp>

namespace tg = tidegate;
using namespace std::chrono_literals;

namespace {

// Answers each request of each connection with its path, except /slow, which it does not answer.
class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    (void)::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    (void)::listen(listener_, 16);
    (void)::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    std::thread([listener = listener_] {
      for (int fd; (fd = ::accept(listener, nullptr, nullptr)) >= 0;) {
        std::thread([fd] { serve(fd); }).detach();
      }
    }).detach();
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  static void serve(int fd) {
    char head[4096];
    for (ssize_t got; (got = ::recv(fd, head, sizeof head, 0)) > 0;) {
      const std::string line(head, static_cast<std::size_t>(got));
      const std::string path =
          line.substr(line.find(' ') + 1, line.find(" HTTP") - line.find(' ') - 1);
      if (path == "/slow") continue;
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n" + path;
      (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    ::close(fd);
  }

  const int listener_;
  unsigned port_ = 0;
};

}  // namespace

int main() {
  const Server server;
  const tg::Client http(tg::ClientOptions().name("example"));
  const auto hello = http.get(server.url("/hello")).timeout(5s).start().wait();
  std::cout << "hello: " << hello->status << ' ' << hello->text() << '\n';

  const auto again =
      http.post(server.url("/again")).json("{}").header("X-Trace", "1").start().wait();
  std::cout << "again: over the same connection: " << (again->reused ? "yes" : "no") << '\n';

  tg::Page page(10s);
  const auto quick = page.add(http.get(server.url("/quick")));
  const auto slow = page.add(http.get(server.url("/slow")).timeout(300ms));
  page.wait();
  std::cout << "quick: " << quick.wait()->text() << '\n';
  std::cout << "slow: " << slow.wait().status().to_string() << '\n';

  const auto stream = http.get(server.url("/hello")).timeout(1min).stream().wait();
  std::string text;
  for (;;) {
    const auto chunk = stream->read().wait();
    if (!chunk.ok() || chunk->empty()) break;  // broken off, or at its end
    text += chunk->view();
  }
  std::cout << "stream: " << stream->head.status << ' ' << text << '\n';

  const auto split = http.get(server.url("/")).header("X-Name", "a\r\nX-Evil: 1").start().wait();
  std::cout << "split: " << split.status().to_string() << '\n';

  std::cout << "responses: " << http.stats().responses << '\n';
  return 0;
}
