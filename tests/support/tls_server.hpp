// SPDX-License-Identifier: Apache-2.0
//
// TlsServer: `openssl s_server` on a port of the loopback, with a certificate that it signed itself
// and that a client may be told to trust. It answers every GET with a page of its own.
//
//   const TlsServer server("IP:127.0.0.1");          // what the certificate names
//   server.url(), server.certificate()
//
// With the argument "-WWW" it answers with the files of its directory instead.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tidegate::test {

// A certificate that signed itself, and its key, in files of their own.
class TlsCertificate {
 public:
  // `names` as openssl writes them: "DNS:example.com". With a password its key is encrypted.
  explicit TlsCertificate(const std::string& names, const std::string& password = {});
  TlsCertificate(const TlsCertificate&) = delete;
  TlsCertificate& operator=(const TlsCertificate&) = delete;
  ~TlsCertificate();

  const std::string& directory() const noexcept { return directory_; }
  std::string file() const { return directory_ + "/cert.pem"; }
  std::string key() const { return directory_ + "/key.pem"; }

 private:
  std::string directory_;
};

class TlsServer {
 public:
  explicit TlsServer(const std::string& names, std::vector<std::string> more_arguments = {});
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer();

  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/"; }
  const std::string& directory() const noexcept { return certificate_.directory(); }
  std::string certificate() const { return certificate_.file(); }

 private:
  const TlsCertificate certificate_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace tidegate::test
