// SPDX-License-Identifier: Apache-2.0
#include "http/cookie_jar.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "policy/retry_after.hpp"

namespace tidegate::internal {

namespace {

constexpr std::size_t kMostAttribute = 1024;
constexpr std::chrono::seconds kLongestLife = std::chrono::days(400);  // 5.5

// Takes what stands before the mark off the text, and the mark.
std::string_view taken(std::string_view& text, char mark) noexcept {
  const std::string_view part = text.substr(0, text.find(mark));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

bool has_control(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
  });
}

bool starts_with(std::string_view text, std::string_view prefix) noexcept {
  return same_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// 5.1.4
bool path_matches(std::string_view path, std::string_view of_cookie) noexcept {
  if (!path.starts_with(of_cookie)) return false;
  return path.size() == of_cookie.size() || of_cookie.ends_with('/') ||
         path[of_cookie.size()] == '/';
}

std::string_view default_path(std::string_view path) noexcept {
  const auto last = path.rfind('/');
  return last == 0 || last == std::string_view::npos ? "/" : path.substr(0, last);
}

// Seconds, of which the longest are a life; empty where it is no number.
std::optional<std::chrono::seconds> max_age(std::string_view text) noexcept {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
  if (is_negative) return std::chrono::seconds(0);
  std::chrono::seconds age(0);
  for (const char digit : text) {
    age = std::min(kLongestLife, age * 10 + std::chrono::seconds(digit - '0'));
  }
  return age;
}

// "Wed, 21-Oct-2026 07:28:00 GMT" is what Netscape's had, and many still write.
std::optional<CookieJar::WallTime> date(std::string_view text, CookieJar::WallTime now) {
  if (const auto read = policy::http_date(text, now)) return read;
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '-', ' ');
  return policy::http_date(spaced, now);
}

}  // namespace

// The attributes of a cookie; the last of a name counts (5.6).
struct CookieJar::Asked {
  std::optional<std::chrono::seconds> age;
  std::optional<WallTime> ends;
  std::string_view path;
  bool has_domain = false;
  bool secure = false;

  void read(std::string_view text, WallTime now) {
    while (!text.empty()) {
      std::string_view value = taken(text, ';');
      const std::string_view name = trimmed(taken(value, '='));
      value = trimmed(value);
      if (value.size() > kMostAttribute) continue;
      if (same_ignoring_case(name, "Secure")) secure = true;
      if (same_ignoring_case(name, "Domain")) has_domain = true;
      if (same_ignoring_case(name, "Path")) path = value;
      if (same_ignoring_case(name, "Max-Age")) {
        if (const auto read = max_age(value)) age = read;
      }
      if (same_ignoring_case(name, "Expires")) {
        if (const auto read = date(value, now)) ends = read;
      }
    }
  }

  WallTime end(WallTime now) const noexcept {
    if (age) return now + *age;
    return ends ? std::min(*ends, now + kLongestLife) : WallTime::max();
  }
};

void CookieJar::store(const HttpUrl& from, const Headers& headers, WallTime now) {
  for (const std::string_view text : headers.all("Set-Cookie")) store_one(from, text, now);
}

void CookieJar::store_one(const HttpUrl& from, std::string_view text, WallTime now) {
  if (has_control(text)) return;
  std::string_view value = taken(text, ';');
  const bool has_name = value.find('=') != std::string_view::npos;
  const std::string_view name = has_name ? trimmed(taken(value, '=')) : std::string_view();
  value = trimmed(value);
  if (name.size() + value.size() > kMostCookieBytes || (name.empty() && value.empty())) return;
  Asked asked;
  asked.read(text, now);
  if (asked.secure && !from.is_secure()) return;
  const bool is_bound = starts_with(name, "__Host-");
  if ((is_bound || starts_with(name, "__Secure-")) && !asked.secure) return;
  if (is_bound && (asked.has_domain || asked.path != "/")) return;
  // One without a name could be sent as one with such a name.
  if (name.empty() && (starts_with(value, "__Host-") || starts_with(value, "__Secure-"))) return;
  const std::string where = from.path();
  const std::string_view path = asked.path.starts_with('/') ? asked.path : default_path(where);
  if (path.size() > kMostAttribute) return;

  const std::lock_guard lock(mutex_);
  Cookies& cookies = hosts_[from.host()];  // an empty one is dropped with the next that ends
  const bool is_shadow = std::any_of(cookies.begin(), cookies.end(), [&](const Cookie& each) {
    return each.secure && each.name == name && each.ends > now && path_matches(path, each.path);
  });
  if (is_shadow && !asked.secure && !from.is_secure()) return;
  const auto same = std::find_if(cookies.begin(), cookies.end(), [&](const Cookie& each) {
    return each.name == name && each.path == path;
  });
  Cookie made{.name = std::string(name),
              .value = std::string(value),
              .path = std::string(path),
              .secure = asked.secure,
              .ends = asked.end(now),
              .made = ++clock_,
              .used = clock_};
  const bool is_over = made.ends <= now;
  if (same != cookies.end()) {
    made.made = same->made;
    *same = std::move(made);
  } else if (!is_over) {
    cookies.push_back(std::move(made));
    ++count_;
  }
  const std::size_t of_host = cookies.size();
  if (is_over || of_host > kMostCookiesOfHost || count_ > kMostCookies) drop_ended(now);
  if (const auto host = hosts_.find(from.host());
      host != hosts_.end() && host->second.size() > kMostCookiesOfHost) {
    drop_one_of(host->second);
  }
  if (count_ > kMostCookies) drop_one_of_all();
}

std::string CookieJar::field(const HttpUrl& to, WallTime now) {
  const std::lock_guard lock(mutex_);
  const auto host = hosts_.find(to.host());
  if (host == hosts_.end()) return {};
  const std::string path = to.path();
  std::vector<Cookie*> sent;
  for (Cookie& each : host->second) {
    if (each.ends > now && (!each.secure || to.is_secure()) && path_matches(path, each.path)) {
      sent.push_back(&each);
    }
  }
  std::sort(sent.begin(), sent.end(), [](const Cookie* one, const Cookie* other) {
    if (one->path.size() != other->path.size()) return one->path.size() > other->path.size();
    return one->made < other->made;
  });
  std::string text;
  for (Cookie* const each : sent) {
    if (text.size() + each->name.size() + each->value.size() + 3 > kMostCookieField) break;
    if (!text.empty()) text += "; ";
    text += each->name.empty() ? each->value : each->name + "=" + each->value;
    each->used = ++clock_;
  }
  return text;
}

void CookieJar::clear() {
  const std::lock_guard lock(mutex_);
  hosts_.clear();
  count_ = 0;
}

std::size_t CookieJar::size() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void CookieJar::drop_one_of(Cookies& cookies) {
  cookies.erase(std::min_element(
      cookies.begin(), cookies.end(),
      [](const Cookie& one, const Cookie& other) { return one.used < other.used; }));
  --count_;
}

void CookieJar::drop_one_of_all() {
  const auto oldest = [](const Cookies& cookies) {
    std::uint64_t used = UINT64_MAX;
    for (const Cookie& each : cookies) used = std::min(used, each.used);
    return used;
  };
  const auto host = std::min_element(hosts_.begin(), hosts_.end(), [&](auto& one, auto& other) {
    return oldest(one.second) < oldest(other.second);
  });
  drop_one_of(host->second);
  if (host->second.empty()) hosts_.erase(host);
}

void CookieJar::drop_ended(WallTime now) {
  count_ = 0;
  for (auto host = hosts_.begin(); host != hosts_.end();) {
    std::erase_if(host->second, [&](const Cookie& each) { return each.ends <= now; });
    count_ += host->second.size();
    host = host->second.empty() ? hosts_.erase(host) : std::next(host);
  }
}

}  // namespace tidegate::internal
