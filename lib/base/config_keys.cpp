// SPDX-License-Identifier: Apache-2.0

#include "base/config_keys.hpp"

#include <algorithm>
#include <array>

namespace tidegate::internal {
namespace {

constexpr bool kPerService = true;
constexpr bool kGlobal = false;
constexpr bool kSecret = true;
using enum KeyType;

constexpr KeyInfo kKeys[] = {
    {"executor.max_running", kInteger, "64", "1", "10000", kGlobal,
     "Calls that run at once in all lanes together."},
    {"executor.queue", kInteger, "1000", "0", "1000000", kGlobal,
     "Calls that may wait at once in one lane; the next is refused with queue_full."},
    {"executor.query_timeout", kDuration, "15s", "1ms", "24h", kPerService,
     "The time from start to outcome of a call that sets no timeout of its own."},
    {"executor.page_timeout", kDuration, "18s", "1ms", "24h", kGlobal,
     "The time in which all calls of one page have to end."},
    {"executor.callable_concurrency", kInteger, "16", "1", "1000", kPerService,
     "Blocking callables that run at once in one lane."},
    {"executor.zombies_per_permit", kInteger, "2", "0", "100", kGlobal,
     "Given-up calls that may still run, for each permit of a lane; past it calls are refused with "
     "saturated."},
    {"sqlite.concurrency", kInteger, "4", "1", "256", kPerService,
     "Queries that run at once on one database, each on a thread and a connection of its own."},
    {"sqlite.max_rows", kInteger, "100000", "1", "1000000000", kPerService,
     "Rows of one answer; a query that yields more fails with too_large."},
    {"sqlite.max_bytes", kInteger, "67108864", "1024", "1099511627776", kPerService,
     "Bytes of one answer, all cells together; a query that yields more fails with too_large."},
    {"sqlite.busy_timeout", kDuration, "1s", "0s", "1h", kPerService,
     "How long a query waits for a lock on the database, at most to its deadline."},
    {"sqlite.max_value_bytes", kInteger, "16777216", "1", "2147483647", kPerService,
     "Bytes of one cell; a query that yields a longer one fails with too_large."},
    {"cache.ttl", kDuration, "60s", "0s", "365d", kPerService,
     "How long a value is fresh, give or take the jitter."},
    {"cache.stale_for", kDuration, "1h", "0s", "365d", kPerService,
     "How long after that a value still answers where there is no better one."},
    {"cache.negative_ttl", kDuration, "5s", "0s", "365d", kPerService,
     "How long it is known of a key that it has no value."},
    {"cache.failure_throttle", kDuration, "5s", "0s", "1h", kPerService,
     "How long after a failed load a stale value answers at once, without the next attempt."},
    {"cache.error_ttl", kDuration, "0s", "0s", "1h", kPerService,
     "How long after a failed load its error answers at once where there is no stale value; zero: "
     "every call tries."},
    {"cache.load_timeout", kDuration, "15s", "1ms", "24h", kPerService,
     "When a load is given up, whoever waits for it."},
    {"cache.soft_timeout", kDuration, "24h", "0s", "24h", kPerService,
     "How long a caller waits for a load where a stale value is there, at most to its deadline; "
     "zero: not at all."},
    {"cache.jitter", kNumber, "0.1", "0", "0.5", kPerService,
     "The share of a ttl by which it is drawn shorter or longer, so that what was loaded together "
     "does not end together."},
    {"cache.refresh_ahead", kNumber, "0", "0", "1", kPerService,
     "The share of the ttl after which a hit loads behind; zero: never."},
    {"cache.sliding", kBoolean, "false", "", "", kPerService,
     "Whether a hit makes the value fresh for its ttl again."},
    {"cache.max_entries", kInteger, "100000", "1", "1000000000", kPerService,
     "Values that one cache keeps at once."},
    {"cache.max_bytes", kInteger, "67108864", "1024", "1099511627776", kPerService,
     "Bytes of the keys and values that one cache keeps at once, as they are weighed."},
    {"cache.loaders", kInteger, "16", "1", "1000", kPerService,
     "Loaders of one cache that run at once."},
    {"cache.eviction", kString, "clock_tiny_lfu", "", "", kPerService,
     "What a full cache forgets: what is wanted rarely, or what was not wanted for longest.",
     "clock_tiny_lfu|strict_lru"},
    {"cache.redis", kString, "", "", "", kPerService,
     "The URL of the Redis through which caches of one name share values; empty: none.", "",
     kSecret},
    {"cache.redis_timeout", kDuration, "50ms", "1ms", "1m", kPerService,
     "The longest that a caller waits for Redis before its load begins."},
    {"cache.loaders_without_redis", kInteger, "4", "1", "1000", kPerService,
     "Loads of one cache that run at once while Redis is down; the others wait in line."},
    {"http.max_connections", kInteger, "100", "1", "100000", kPerService,
     "Requests of one client under way at once, and so its connections."},
    {"http.max_connections_per_origin", kInteger, "100", "1", "100000", kPerService,
     "The same to one scheme, host and port."},
    {"http.max_idle_connections", kInteger, "20", "0", "100000", kPerService,
     "Idle connections to one address that stay for longer than 30 s, for all clients of a "
     "process; "
     "the most that one asks for counts."},
    {"http.connects_per_second", kInteger, "0", "0", "100000", kPerService,
     "Connections that a client opens in a second, evenly spaced; 0: no bound."},
    {"http.overflow", kString, "wait", "", "", kPerService,
     "What becomes of a request beyond its bounds: it waits, opens one more connection, or fails.",
     "wait|open|fail"},
    {"http.queue", kInteger, "1000", "0", "1000000", kPerService,
     "Requests of one client that wait for their turn; the next is refused with queue_full."},
    {"http.pool_timeout", kDuration, "5s", "0s", "24h", kPerService,
     "How long a request waits for its turn; then pool_timeout."},
    {"http.connect_timeout", kDuration, "3s", "1ms", "24h", kPerService,
     "The time for lookup, TCP and TLS together; then connect_timeout."},
    {"http.attempt_timeout", kDuration, "5s", "1ms", "24h", kPerService,
     "The time from a request's turn to the head of its answer; then attempt_timeout."},
    {"http.read_timeout", kDuration, "5s", "1ms", "24h", kPerService,
     "How long the body of an answer may be silent; then read_timeout."},
    {"http.timeout", kDuration, "15s", "1ms", "24h", kPerService,
     "The time of a request from its start to its end, all in all; then deadline."},
    {"http.max_body", kInteger, "33554432", "0", "1099511627776", kPerService,
     "Bytes of the body of one answer, as it came and decoded; a longer one fails with too_large."},
    {"http.decode", kBoolean, "true", "", "", kPerService,
     "Whether a client asks for bodies in a coding (gzip, deflate, br, zstd) and decodes them."},
    {"http.ca_file", kString, "", "", "", kPerService,
     "The file of the certificates to trust, in PEM; empty: the system's."},
    {"http.cert_file", kString, "", "", "", kPerService,
     "The file of a client's own certificate, in PEM; empty: it has none."},
    {"http.key_file", kString, "", "", "", kPerService,
     "The file of the key to it, in PEM; empty: the same file."},
    {"http.key_password", kString, "", "", "", kPerService,
     "The password of a key that is encrypted.", "", kSecret},
    {"http.min_tls", kString, "1.2", "", "", kPerService,
     "The oldest version of TLS that is spoken.", "1.2|1.3"},
    {"http.proxy", kString, "", "", "", kPerService,
     "The URL of the proxy that all requests of a client go through, or of several, with commas "
     "between them; empty: none.",
     "", kSecret},
    {"http.proxy_session", kInteger, "1", "0", "1000000000", kPerService,
     "Requests that one of several proxies serves before the next one does; 0: until it fails."},
    {"http.unix_socket", kString, "", "", "", kPerService,
     "The absolute path of a Unix socket that all requests of a client go over; empty: none."},
    {"http.trust_env", kBoolean, "false", "", "", kPerService,
     "Whether http_proxy, https_proxy, all_proxy, no_proxy and SSL_CERT_FILE of the environment "
     "count "
     "where nothing else is said."},
    {"http.user_agent", kString, "", "", "", kPerService,
     "What a client calls itself; empty: tidegate and its version."},
    {"http.basic_user", kString, "", "", "", kPerService,
     "The user of the field Authorization (Basic) of every request; empty: none."},
    {"http.basic_password", kString, "", "", "", kPerService, "The password that goes with it.", "",
     kSecret},
    {"http.bearer_token", kString, "", "", "", kPerService,
     "The token of the field Authorization (Bearer) of every request, before a user; empty: none.",
     "", kSecret},
    {"http.deadline_header", kString, "", "", "", kPerService,
     "The field that tells http.deadline_hosts how much time is left; empty: none."},
    {"http.deadline_hosts", kString, "", "", "", kPerService,
     "The hosts that are told so, without their ports, and with commas between them."},
    {"http.cookies", kBoolean, "false", "", "", kPerService,
     "Whether a client keeps cookies, and sends them to the host again that set them."},
    {"http.hedge", kBoolean, "false", "", "", kPerService,
     "Whether a request whose first attempt is slow is sent a second time beside it."},
    {"http.hedge_delay", kDuration, "0s", "0s", "1h", kPerService,
     "How long a first attempt takes that is slow; zero: longer than 95 of the last 100 did."},
    {"http.max_redirects", kInteger, "5", "0", "100", kPerService,
     "Redirects that are followed; the next fails with redirect. 0: a redirect is the response."},
    {"http.ssrf", kString, "redirects", "", "", kPerService,
     "What may not leave the public internet: what a redirect leads to from there, or all.",
     "off|redirects|all"},
    {"http.dns_threads", kInteger, "4", "1", "64", kPerService,
     "Names that are looked up at once, by all clients of a process; the "
     "most that one asks for counts."},
    {"http.dns_ttl", kDuration, "60s", "0s", "24h", kPerService,
     "How long the addresses of a name are taken for right."},
    {"http.dns_stale_for", kDuration, "10m", "0s", "24h", kPerService,
     "How long they then still serve, where a lookup fails or is late."},
    {"breaker.failure_rate", kNumber, "0.5", "0", "1", kPerService,
     "The share of failed calls in the window that opens a breaker; 0: they do not count."},
    {"breaker.slow_rate", kNumber, "0.8", "0", "1", kPerService,
     "The share of slow calls that opens it; 0: they do not count."},
    {"breaker.slow_after", kDuration, "0s", "0s", "24h", kPerService,
     "What a call may take; one that takes longer is slow. Zero: none is."},
    {"breaker.min_calls", kInteger, "20", "1", "1000000", kPerService,
     "Calls that have to be in the window before a share counts."},
    {"breaker.window", kDuration, "60s", "1ms", "24h", kPerService, "How far back calls count."},
    {"breaker.consecutive", kInteger, "0", "0", "1000000", kPerService,
     "Failures in a row that open it, however few calls there were; 0: they do not."},
    {"breaker.probes", kInteger, "3", "1", "64", kPerService,
     "Calls that a half-open breaker lets in to try."},
    {"breaker.probe_timeout", kDuration, "10s", "1ms", "24h", kPerService,
     "How long such a call may say nothing before its place is another's."},
    {"breaker.open_for", kDuration, "5s", "1ms", "24h", kPerService,
     "How long a breaker is open the first time, a fifth more or less; each time that follows is "
     "twice as long."},
    {"breaker.max_open_for", kDuration, "5m", "1ms", "24h", kPerService,
     "The longest that it is open at a time."},
    {"breaker.share", kString, "process", "", "", kPerService,
     "Whose calls count together: those of a process, or of all processes of the host.",
     "process|host"},
    {"gate.state_dir", kString, "", "", "", kGlobal,
     "The directory, by its absolute path, of what processes of a host share; empty: "
     "/dev/shm/tidegate- and the number of the user."},
    {"retry.attempts", kInteger, "4", "1", "100", kPerService,
     "How often a request is tried at most, the first time included."},
    {"retry.backoff", kDuration, "100ms", "0s", "24h", kPerService,
     "The longest pause before the second attempt; it doubles with each."},
    {"retry.max_backoff", kDuration, "10s", "0s", "24h", kPerService,
     "The longest pause before any attempt, but for what a server asks for."},
    {"retry.max_retry_after", kDuration, "60s", "0s", "24h", kPerService,
     "The longest pause that a server may ask for; one that asks for more is not tried again."},
    {"retry.methods", kString, "idempotent", "", "", kPerService,
     "What may be tried again after it was sent: what is idempotent or has a key, or every method.",
     "idempotent|every"},
    {"retry.budget", kNumber, "0.2", "0", "100", kPerService,
     "Further attempts that each request adds to the budget of its client."},
    {"retry.budget_per_second", kNumber, "3", "0", "1000000", kPerService,
     "Further attempts that each second adds to it."},
    {"retry.budget_most", kNumber, "100", "0", "1000000", kPerService,
     "Further attempts that are saved up at most."},
    {"runtime.shutdown_timeout", kDuration, "2s", "0s", "10m", kGlobal,
     "How long shutdown waits for work that was told to stop."},
    {"runtime.state_dir", kString, "", "", "", kGlobal,
     "The directory in which the processes of one program share their metrics; empty: each has its "
     "own."},
    {"log.level", kString, "warning", "", "", kGlobal,
     "The lowest level of what tidegate says by itself.", "debug|info|warning|error|off"},
};

// CONFIG names a program's configuration file; the others are read by the tests and the build.
constexpr std::array<std::string_view, 7> kReserved = {"ATFORK", "C_LIBRARY", "CONFIG",    "DEEP",
                                                       "PYTHON", "SERVER",    "SOURCE_DIR"};

}  // namespace

std::span<const KeyInfo> library_keys() noexcept { return kKeys; }

bool is_reserved_variable(std::string_view name) noexcept {
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) return true;
  // Kubernetes gives every container of a namespace with a service "tidegate" these.
  return name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_");
}

}  // namespace tidegate::internal
