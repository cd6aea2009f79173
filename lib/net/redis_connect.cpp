// SPDX-License-Identifier: Apache-2.0
#include "net/redis_connect.hpp"

#include <utility>

#include "base/seed.hpp"
#include "net/redis_command.hpp"
#include "net/redis_error.hpp"

namespace tidegate::internal {

namespace {

Task<Status> connect_to_one(const RedisPlace* place, RedisWire* wire,
                            const RedisAddresses* addresses) {
  Scope& scope = co_await this_scope();
  Status status(Cause::kEngineUnavailable, "the host has no address");
  std::size_t left = addresses->size();
  for (const RedisAddress& address : *addresses) {
    // Each has its share of the time that is left, the last one all of it.
    const Duration share = scope.left() / static_cast<std::int64_t>(left--);
    const Deadline until = Deadline::after(share, place->shard.now());
    auto connecting = wire->connect(address);
    status = co_await with_deadline(until, std::move(connecting));
    if (status.ok() || !scope.ok() || status.cause() == Cause::kLocalResource) break;
  }
  co_return status;
}

Task<Result<RedisReply>> next_reply(RedisWire* wire, RedisOutbox* out) {
  for (;;) {
    auto next = wire->take(*out);
    if (!next.ok()) co_return next.status();
    if (*next) co_return std::move(**next);
    const Cause woken = co_await wire->bell().heard(Deadline::never());
    if (woken != Cause::kNone) co_return Status(woken, "Redis did not answer the greeting in time");
  }
}

enum class Greeting : std::uint8_t { kAuth, kSelect, kName, kPing };

// An error that answers AUTH or SELECT stays, unless the server is not well. A name may be refused;
// but a server that takes no more clients says so in place of the first answer.
Status answer_to(Greeting what, const RedisReply& reply) {
  if (reply.kind != RedisReply::Kind::kError) return {};
  const bool refused = redis_serves_reads(redis_error_kind(reply.text));
  if (what == Greeting::kName && (refused || reply.text.starts_with("NOPERM "))) return {};
  Status status = redis_error_status(reply.text);
  const bool stays = refused && what != Greeting::kPing;
  return stays ? Status(Cause::kConfig, status.message()) : status;
}

Task<Status> greet(const RedisPlace* place, RedisWire* wire) {
  RedisOutbox out;
  std::vector<Greeting> said;
  if (place->url.authenticates) {
    append_auth(out.bytes, place->url.user, place->url.password);
    said.push_back(Greeting::kAuth);
  }
  if (place->url.database != 0) {
    append_select(out.bytes, place->url.database);
    said.push_back(Greeting::kSelect);
  }
  append_client_setname(out.bytes, place->options.client_name);
  said.push_back(Greeting::kName);
  append_ping(out.bytes);
  said.push_back(Greeting::kPing);
  for (const Greeting what : said) {
    auto replying = next_reply(wire, &out);
    const auto reply = co_await std::move(replying);
    if (!reply.ok()) co_return reply.status();
    const Status status = answer_to(what, *reply);
    if (!status.ok()) co_return status;
  }
  co_return Status();
}

Task<Status> connect_and_greet(RedisPlace* place, RedisWire* wire) {
  auto resolving = place->resolver.resolve(&place->url);
  const auto addresses = co_await std::move(resolving);
  if (!addresses.ok()) co_return addresses.status();
  auto connecting = connect_to_one(place, wire, &*addresses);
  const Status connected = co_await std::move(connecting);
  if (!connected.ok()) co_return connected;
  auto greeting = greet(place, wire);
  const Status greeted = co_await std::move(greeting);
  co_return greeted;
}

}  // namespace

RedisPlace::RedisPlace(Shard& where, RedisUrl to, RedisOptions with)
    : shard(where),
      url(std::move(to)),
      options(std::move(with)),
      shown(url.to_string()),
      metrics(shown),
      resolver(where),
      rng(fresh_seed()) {}

Task<Status> redis_connect(RedisPlace* place, RedisWire* wire) {
  place->metrics.attempts.add();
  const Deadline until = Deadline::after(place->options.connect_timeout, place->shard.now());
  auto connecting = connect_and_greet(place, wire);
  const Status status = co_await with_deadline(until, std::move(connecting));
  if (status.ok()) place->metrics.connections.add();
  co_return status;
}

}  // namespace tidegate::internal
