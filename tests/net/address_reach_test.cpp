// SPDX-License-Identifier: Apache-2.0
#include "net/address_reach.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace tidegate::internal {
namespace {

TEST_CASE("AnAddressOfThePublicInternetIsOneAndNoOtherIs [D6]") {
  for (const char* text :
       {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",        "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",     "126.255.255.255",      "128.0.0.0",
        "169.253.255.255", "169.255.0.0",     "172.15.255.255",       "172.32.0.0",
        "192.0.1.0",       "192.167.255.255", "192.169.0.0",          "198.17.255.255",
        "198.20.0.0",      "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1",
        "2001:200::1",     "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",     "2002:0808:0808::1",
        "3ffe::1"}) {
    CAPTURE(std::string(text));
    CHECK(is_public_address(text));
  }
  for (const char* text : {"0.0.0.0",
                           "0.255.255.255",
                           "10.0.0.0",
                           "10.255.255.255",
                           "100.64.0.0",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.255",
                           "169.254.169.254",
                           "172.16.0.0",
                           "172.31.255.255",
                           "192.0.0.1",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.0.0",
                           "192.168.255.255",
                           "198.18.0.0",
                           "198.19.255.255",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.0",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::7f00:1",
                           "fe80::1",
                           "fe80::1%eth0",
                           "fc00::1",
                           "fd00::1",
                           "ff02::1",
                           "2001::1",
                           "2001:db8::1",
                           "3fff::1",
                           "::ffff:10.0.0.1",
                           "::ffff:127.0.0.1",
                           "64:ff9b::10.0.0.1",
                           "64:ff9b:1::8.8.8.8",
                           "2002:0a00:0001::1",
                           "2002:7f00:0001::1",
                           "",
                           "localhost",
                           "1.1.1",
                           "0x08080808",
                           "8.8.8.8 ",
                           "[2606:4700:4700::1111]"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(is_public_address(text));
  }
}

TEST_CASE("AHostMayBePublicUnlessItIsWrittenAsAnAddressThatIsNot [D6]") {
  for (const char* host : {"cars.test", "cars.test.", "8.8.8.8", "8.8.8.8.", "[2a00:1450::1]",
                           "localhost.test", "notlocalhost", "7.test", "x0x7f", "1a", "0xg"}) {
    CAPTURE(std::string(host));
    CHECK(may_be_public(host));
  }
  for (const char* host : {"",
                           ".",
                           "localhost",
                           "localhost.",
                           "localhost...",
                           "a.localhost",
                           "a.localhost.",
                           "127.0.0.1",
                           "127.0.0.1.",
                           "169.254.169.254..",
                           "127.1",
                           "127.1.",
                           "2130706433",
                           "2130706433.",
                           "0x7f.1",
                           "0x7f000001.",
                           "0177.0.0.1.",
                           "08.8.8.8",
                           "1.2.3.4.5",
                           "8.8.8.256",
                           "4294967297",
                           "a.1",
                           "a.0x7f",
                           "0x",
                           "[::1]",
                           "[fe80::1%25eth0]",
                           "[::ffff:10.0.0.1]"}) {
    CAPTURE(std::string(host));
    CHECK_FALSE(may_be_public(host));
  }
}

TEST_CASE("TheAddressOfASocketIsJudgedAsItIsWritten [D6]") {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  for (const char* text : {"8.8.8.8", "127.0.0.1"}) {
    REQUIRE(::inet_pton(AF_INET, text, &four.sin_addr) == 1);
    CHECK(is_public_address(reinterpret_cast<const sockaddr&>(four)) == is_public_address(text));
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  for (const char* text : {"2a00:1450::1", "::1", "::ffff:8.8.8.8"}) {
    REQUIRE(::inet_pton(AF_INET6, text, &six.sin6_addr) == 1);
    CHECK(is_public_address(reinterpret_cast<const sockaddr&>(six)) == is_public_address(text));
  }
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  CHECK_FALSE(is_public_address(reinterpret_cast<const sockaddr&>(path)));
}

}  // namespace
}  // namespace tidegate::internal
