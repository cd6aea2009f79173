// SPDX-License-Identifier: Apache-2.0
//
// The verbs of Kv (base/ports/kv.hpp) in the words of Redis: one flow and one write each.
//
//   get          GET name, PTTL name, GET guard
//   set          a script: the guard is compared and the value written in one step
//   invalidate   a script: SET guard, DEL name, PUBLISH, in this order
//   number       GET, and where there is none what raise does, but for one that somebody else has set
//   raise        TIME, then a script: SET, PUBLISH. TIME is asked before it, since servers before
//                Redis 5 let a script that has asked write nothing
//
// What a script could not write it does not publish. Sent side by side, PUBLISH is carried out though
// the server is full and refused the write before it.
//
// A name that holds something else than a string is a miss, and counted among the errors.
#pragma once

#include "base/ports/kv.hpp"
#include "net/redis_core.hpp"
#include "net/redis_script.hpp"

namespace tidegate::internal {

Task<Result<KvFound>> redis_get(Ref<RedisCore> core, std::string name, std::string guard);
Task<Result<bool>> redis_set(Ref<RedisCore> core, KvSet what);
Task<Status> redis_invalidate(Ref<RedisCore> core, KvInvalidate what);
Task<Result<std::int64_t>> redis_number(Ref<RedisCore> core, KvNumber what);
Task<Result<std::int64_t>> redis_raise(Ref<RedisCore> core, KvNumber what);

// Those of redis_set(), redis_invalidate() and redis_raise().
extern const RedisScript kRedisSetScript;
extern const RedisScript kRedisInvalidateScript;
extern const RedisScript kRedisRaiseScript;

}  // namespace tidegate::internal
