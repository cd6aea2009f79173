// SPDX-License-Identifier: Apache-2.0
#include "net/curl_url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "base/text.hpp"
#include "net/plain_url.hpp"

namespace tidegate::internal {

namespace {

constexpr std::size_t kLongest = std::size_t{64} << 10;
constexpr std::size_t kLongestHost = 253;
constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kShown = 200;

struct Free {
  void operator()(CURLU* url) const noexcept { ::curl_url_cleanup(url); }
  void operator()(char* part) const noexcept { ::curl_free(part); }
};

Status refused(const char* why) {
  return Status(Cause::kBadArgument, std::string("the URL ") + why);
}

bool is_refused(char letter) noexcept {
  const auto byte = static_cast<unsigned char>(letter);
  return byte <= 0x20 || byte == 0x7F || byte == '\\';
}

// What stands between "//" and the path, or why it must not.
Result<std::string_view> authority_of(std::string_view text) {
  const std::size_t colon = text.find("://");
  const std::string_view scheme = text.substr(0, std::min(colon, text.size()));
  if (colon == std::string_view::npos) return refused("has no scheme: write http:// or https://");
  if (!same_ignoring_case(scheme, "http") && !same_ignoring_case(scheme, "https")) {
    return refused("has a scheme that is neither http nor https");
  }
  const std::string_view rest = text.substr(colon + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty() || authority.front() == ':') return refused("has no host");
  if (authority.find('@') != std::string_view::npos) {
    return refused("has a user or a password in it: send them in a field");
  }
  const auto is_ascii = [](char letter) { return static_cast<unsigned char>(letter) < 0x80; };
  if (!std::all_of(authority.begin(), authority.end(), is_ascii)) {
    return refused("has a host that is not ASCII: write its form that begins with xn--");
  }
  const bool literal = authority.front() == '[';
  if (!literal && authority.find('%') != std::string_view::npos) {
    return refused("has a host with a % in it");
  }
  return authority;
}

// Of a name; an address in brackets has no labels.
bool is_too_long(std::string_view host) noexcept {
  if (host.size() > kLongestHost) return true;
  while (!host.empty() && host.front() != '[') {
    const std::size_t label = std::min(host.find('.'), host.size());
    if (label > kLongestLabel) return true;
    host.remove_prefix(std::min(label + 1, host.size()));
  }
  return false;
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x80) {
      out.push_back(letter);
    } else {
      out.append(1, '%').append(1, kHex[byte >> 4]).append(1, kHex[byte & 15U]);
    }
  }
}

class Parts {
 public:
  Parts() : url_(::curl_url()) {
    if (!url_) throw std::bad_alloc();
  }
  bool set(CURLUPart part, const char* text) {
    const CURLUcode code = ::curl_url_set(url_.get(), part, text, 0);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    return code == CURLUE_OK;
  }
  // Empty where there is none.
  std::string get(CURLUPart part, unsigned flags) const {
    char* raw = nullptr;
    const CURLUcode code = ::curl_url_get(url_.get(), part, &raw, flags);
    const std::unique_ptr<char, Free> text(raw);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    return code == CURLUE_OK ? std::string(raw) : std::string();
  }

 private:
  const std::unique_ptr<CURLU, Free> url_;
};

}  // namespace

Result<HttpUrl> HttpUrl::parse(std::string_view text) {
  const auto plain = text.size() > kLongest ? std::nullopt : PlainUrl::split(text);
  if (!plain) return parse_any(text);
  std::string_view port = plain->port;
  if (port.empty()) port = plain->scheme == "https" ? "443" : "80";
  HttpUrl url;
  url.url = text;
  url.origin.reserve(plain->scheme.size() + 3 + plain->host.size() + 1 + port.size());
  url.origin.append(plain->scheme).append("://").append(plain->host).append(":").append(port);
  url.shown = one_line(text.substr(0, plain->query), kShown);
  return url;
}

Result<HttpUrl> HttpUrl::parse_any(std::string_view text) {
  if (text.size() > kLongest) return refused("is longer than 65,536 bytes");
  if (std::any_of(text.begin(), text.end(), is_refused)) {
    return refused("has a space, a control character or a backslash in it");
  }
  if (utf8_clean(text) != text) return refused("is no UTF-8");
  const auto authority = authority_of(text);
  if (!authority.ok()) return authority.status();
  const auto behind = static_cast<std::size_t>(authority->data() - text.data()) + authority->size();
  std::string ascii(text.substr(0, behind));
  append_encoded(ascii, text.substr(behind));

  Parts parts;
  if (!parts.set(CURLUPART_URL, ascii.c_str())) return refused("is none");
  std::string fragment = parts.get(CURLUPART_FRAGMENT, 0);
  parts.set(CURLUPART_FRAGMENT, nullptr);
  const std::string host = lower_case(parts.get(CURLUPART_HOST, 0));
  const std::string port = parts.get(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (host.empty()) return refused("has no host, or one that is no name");
  if (is_too_long(host)) return refused("has a host that is too long");
  if (port.empty() || port == "0") return refused("has no port that can be connected to");

  HttpUrl url;
  url.url = parts.get(CURLUPART_URL, 0);
  url.fragment = std::move(fragment);
  url.origin = parts.get(CURLUPART_SCHEME, 0) + "://" + host + ":" + port;
  url.shown = one_line(url.url.substr(0, url.url.find('?')), kShown);
  return url;
}

// A server writes what it likes: a space and raw bytes are encoded, a line break is refused below.
Result<HttpUrl> HttpUrl::resolve(const HttpUrl& base, std::string_view location) {
  if (location.size() > kLongest) return refused("is longer than 65,536 bytes");
  std::string ascii;
  for (const char letter : location) {
    letter == ' ' ? void(ascii.append("%20")) : append_encoded(ascii, {&letter, 1});
  }
  if (std::any_of(ascii.begin(), ascii.end(), is_refused)) {
    return refused("has a control character or a backslash in it");
  }
  if (ascii.starts_with('#')) {  // libcurl 7.88 would drop the query and the last of the path
    HttpUrl same = base;
    same.fragment = ascii.substr(1);
    return same;
  }
  if (ascii.find(":///") < ascii.find_first_of("/?#")) return refused("has no host");
  Parts parts;
  if (!parts.set(CURLUPART_URL, base.url.c_str()) || !parts.set(CURLUPART_URL, ascii.c_str())) {
    return refused("is none, or has a scheme that is neither http nor https");
  }
  parts.set(CURLUPART_USER, nullptr);
  parts.set(CURLUPART_PASSWORD, nullptr);
  auto url = parse(parts.get(CURLUPART_URL, 0));
  if (url.ok() && url->fragment.empty()) url->fragment = base.fragment;
  return url;
}

std::string HttpUrl::host() const {
  const auto from = origin.find("://") + 3;
  return lower_case(origin.substr(from, origin.rfind(':') - from));
}

std::string HttpUrl::path() const {
  const auto from = url.find('/', url.find("://") + 3);
  if (from == std::string::npos) return "/";
  return url.substr(from, url.find('?', from) - from);
}

}  // namespace tidegate::internal
