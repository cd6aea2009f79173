// SPDX-License-Identifier: Apache-2.0
#include "net/curl_error.hpp"

#include <cstring>

#include "base/text.hpp"

namespace tidegate::internal {

namespace {

constexpr std::size_t kLongest = 200;

bool speaks_of(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

Cause cause_of(const CurlFailure& failure) noexcept {
  if (failure.local_error != 0) return Cause::kLocalResource;
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return failure.text.starts_with("getaddrinfo() thread failed") ? Cause::kLocalResource
                                                                     : Cause::kDns;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED: return Cause::kConnect;
    case CURLE_OPERATION_TIMEDOUT: return Cause::kConnectTimeout;  // the only time that it keeps
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH: return Cause::kTls;
    case CURLE_SSL_CERTPROBLEM:  // the client's own
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE: return Cause::kConfig;
    case CURLE_RECV_ERROR:
      // With TLS 1.3 a server refuses a client after the handshake, by an alert.
      if (speaks_of(failure.text, "alert")) return Cause::kTls;
      if (speaks_of(failure.text, "Too large")) return Cause::kTooLarge;
      if (speaks_of(failure.text, "chunk")) return Cause::kProtocol;
      return Cause::kConnectionLost;
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE: return Cause::kConnectionLost;
    case CURLE_UPLOAD_FAILED:  // in chunks, to a server of HTTP/1.0
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return Cause::kProtocol;
    case CURLE_BAD_FUNCTION_ARGUMENT:
      // A head that begins with a fold.
      return failure.sent && !failure.has_head ? Cause::kProtocol : Cause::kInternal;
    case CURLE_OUT_OF_MEMORY:
      // Lines of the head are gathered in a buffer of 100 KB.
      return failure.sent && !failure.has_head ? Cause::kTooLarge : Cause::kNoMemory;
    case CURLE_URL_MALFORMAT: return Cause::kBadArgument;
    default: return Cause::kInternal;
  }
}

std::string words_of(const CurlFailure& failure, Cause cause) {
  if (failure.local_error != 0) return std::strerror(failure.local_error);
  if (cause == Cause::kTooLarge) return "a line of the head is too long";
  if (failure.code == CURLE_BAD_FUNCTION_ARGUMENT && cause == Cause::kProtocol) {
    return "a line of the head is no field";
  }
  if (cause == Cause::kConnect && failure.error != 0) return std::strerror(failure.error);
  if (cause == Cause::kConnectionLost && failure.error != 0) {
    return std::string("the connection was lost: ") + std::strerror(failure.error);
  }
  if (failure.text.empty()) return ::curl_easy_strerror(failure.code);
  return one_line(failure.text, kLongest);
}

}  // namespace

Status curl_status(const std::string& what, const CurlFailure& failure) {
  const Cause cause = cause_of(failure);
  return Status(cause, what + ": " + words_of(failure, cause));
}

}  // namespace tidegate::internal
