// SPDX-License-Identifier: Apache-2.0
#include "net/dns_lookup.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace tidegate::internal {

namespace {

struct Free {
  void operator()(addrinfo* found) const noexcept { ::freeaddrinfo(found); }
};

std::string text_of(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    (void)::inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &address, sizeof six);
    (void)::inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace

bool DnsLookup::is_absent() const noexcept {
  if (failed == 0) return addresses.empty();
  return failed == EAI_NONAME || failed == EAI_NODATA || failed == EAI_ADDRFAMILY;
}

Status DnsLookup::status(const std::string& who) const {
  if (failed == 0) return Status(Cause::kDns, who + "an answer without an address");
  if (failed == EAI_MEMORY) return Status(Cause::kNoMemory, who + ::gai_strerror(failed));
  if (failed != EAI_SYSTEM) return Status(Cause::kDns, who + ::gai_strerror(failed));
  const bool is_ours = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
  return Status(is_ours ? Cause::kLocalResource : Cause::kDns, who + std::strerror(error));
}

DnsLookup look_up_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  DnsLookup lookup;
  addrinfo* raw = nullptr;
  lookup.failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  lookup.error = errno;
  if (lookup.failed != 0) return lookup;
  const std::unique_ptr<addrinfo, Free> found(raw);
  for (; raw && lookup.addresses.size() < kMostAddresses; raw = raw->ai_next) {
    std::string text = text_of(*raw->ai_addr);
    if (!text.empty()) lookup.addresses.push_back(std::move(text));
  }
  return lookup;
}

bool needs_no_lookup(const std::string& host) noexcept {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (host.empty() || host.front() == '[') return true;
  if (::inet_pton(AF_INET, host.c_str(), address.data()) == 1) return true;
  return host == "localhost" || std::string_view(host).ends_with(".localhost");
}

}  // namespace tidegate::internal
