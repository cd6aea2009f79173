// SPDX-License-Identifier: Apache-2.0
//
// A script of our own, in one flow and, but for its first time, one write; and the server's clock.
//
//   run      EVALSHA by the script's hash; where the server does not have it, EVAL, which it keeps
//   time     TIME: since 1970, in microseconds
//
// What a script answers is its caller's to read; an error reply is a status, as is whatever a verb of
// Kv may end with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/task.hpp"
#include "net/redis_core.hpp"

namespace tidegate::internal {

// Constants: the text, and the name that Redis gives it, which is its SHA-1 in hex.
struct RedisScript {
  std::string_view text;
  std::string_view hash;
};

Task<Result<RedisReply>> redis_run(Ref<RedisCore> core, RedisScript script,
                                   std::vector<std::string> keys,
                                   std::vector<std::string> arguments);
Task<Result<Duration>> redis_time(Ref<RedisCore> core);

}  // namespace tidegate::internal
