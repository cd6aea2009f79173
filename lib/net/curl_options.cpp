// SPDX-License-Identifier: Apache-2.0
#include "net/curl_options.hpp"

#include <unistd.h>

#include <new>
#include <string_view>

#include "net/curl_multi.hpp"

namespace tidegate::internal {

namespace {

long seconds(Duration time) noexcept {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

// Rounded up: zero would mean that there is no bound.
long milliseconds(Duration time) noexcept {
  constexpr Duration kLongest = std::chrono::hours(24);
  const Duration bounded = std::clamp<Duration>(time, std::chrono::milliseconds(1), kLongest);
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(bounded).count());
}

// Where distributions keep what they trust.
const char* system_ca_file() noexcept {
  static const char* const found = [] {
    const char* const known[] = {"/etc/ssl/certs/ca-certificates.crt",
                                 "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                 "/etc/ssl/cert.pem"};
    for (const char* const file : known) {
      if (::access(file, R_OK) == 0) return file;
    }
    return known[0];
  }();
  return found;
}

}  // namespace

const char* ca_file_of(const TransportRequest& request) noexcept {
  const bool own_trust = request.trust && !request.trust->ca_file.empty();
  return own_trust ? request.trust->ca_file.c_str() : system_ca_file();
}

long tls_version_of(const TransportRequest& request) noexcept {
  const bool is_newer = request.trust && request.trust->only_tls_1_3;
  return is_newer ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
}

void CurlOptions::set_always() noexcept {
  set(CURLOPT_NOSIGNAL, 1L);    // else four system calls a request, for SIGALRM
  set(CURLOPT_QUICK_EXIT, 1L);  // else who stops a transfer waits for a lookup of libcurl's
  // Nothing from the environment, no file of passwords, no other protocol, no other origin.
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTP09_ALLOWED, 0L);
  set(CURLOPT_ACCEPT_ENCODING, static_cast<char*>(nullptr));
  set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  // With a folder of certificates libcurl parses them all for every connection: 21 ms.
  set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  set(CURLOPT_TCP_NODELAY, 1L);
}

void CurlOptions::set_kept(const CurlKept& kept) noexcept {
  const long most = seconds(CurlSocket::longest_life(kept.life)) + 1;
  set(CURLOPT_MAXAGE_CONN, most);
  set(CURLOPT_MAXLIFETIME_CONN, most);
}

void CurlOptions::set_connect_timeout(Duration time) noexcept {
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(time) + 1);
}

// The '+' lets libcurl forget them after a minute. Without it they stay in its table for ever, a host
// of each; an older entry of the same host is replaced in either case.
void CurlOptions::set_addresses(const std::string& addresses) noexcept try {
  if (addresses.empty()) return;
  addresses_.reset(::curl_slist_append(nullptr, ("+" + addresses).c_str()));
  if (!addresses_) failed_ = CURLE_OUT_OF_MEMORY;
  set(CURLOPT_RESOLVE, addresses_.get());
} catch (const std::bad_alloc&) {
  failed_ = CURLE_OUT_OF_MEMORY;
}

void CurlOptions::set_request(const TransportRequest& request) {
  set_trust(request);
  set(CURLOPT_URL, request.url.c_str());
  set_body(request);
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set_headers(request);
}

// Without a password OpenSSL would ask for one at the terminal.
void CurlOptions::set_trust(const TransportRequest& request) {
  set(CURLOPT_SSLVERSION, tls_version_of(request));
  set(CURLOPT_CAINFO, ca_file_of(request));
  if (!request.trust || request.trust->cert_file.empty()) return;
  const TransportTrust& trust = *request.trust;
  set(CURLOPT_SSLCERT, trust.cert_file.c_str());
  set(CURLOPT_SSLKEY, trust.key_file.empty() ? trust.cert_file.c_str() : trust.key_file.c_str());
  set(CURLOPT_KEYPASSWD, trust.key_password.c_str());
}

void CurlOptions::set_body(const TransportRequest& request) {
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.upload) {
    constexpr curl_off_t kUnknown = -1;
    const auto length = request.upload->length();
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, length ? static_cast<curl_off_t>(*length) : kUnknown);
  } else if (request.body) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body->data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
  } else {
    set(CURLOPT_HTTPGET, 1L);
  }
}

void CurlOptions::set_headers(const TransportRequest& request) {
  std::string line;  // libcurl copies it
  for (const Headers::Field& field : request.headers) {
    // "Name;" is how libcurl is told to send an empty one.
    line.assign(field.name).append(field.value.empty() ? ";" : ": ").append(field.value);
    add_header(line);
  }
  // What libcurl would add by itself; "Expect" makes it wait for a second.
  for (const char* const name : {"Accept", "Content-Type", "Expect"}) {
    if (!request.headers.contains(name)) add_header(line.assign(name).append(":"));
  }
  set(CURLOPT_HTTPHEADER, headers_.get());
}

void CurlOptions::add_header(const std::string& line) noexcept {
  curl_slist* const longer = ::curl_slist_append(headers_.get(), line.c_str());
  if (!longer) {
    failed_ = CURLE_OUT_OF_MEMORY;
    return;
  }
  (void)headers_.release();
  headers_.reset(longer);
}

Status CurlOptions::status() const {
  if (failed_ == CURLE_OK) return {};
  if (failed_ == CURLE_OUT_OF_MEMORY) return Status(Cause::kNoMemory, "no memory for a transfer");
  return Status(Cause::kConfig, std::string("libcurl ") +
                                    ::curl_version_info(CURLVERSION_NOW)->version +
                                    " refuses an option: " + ::curl_easy_strerror(failed_));
}

}  // namespace tidegate::internal
