// SPDX-License-Identifier: Apache-2.0
// The exchange of a breaker's openings in the words of Redis.
//
//   KEYS[1]  "id state mode openings why keep": what is kept; it is open, or tried, until the key has
//            only `keep` milliseconds left
//   ARGV     id                                                what the caller knows of
//            id  new_id state mode openings left why keep was_closed is_order
//   answers  {id, state, mode, openings, left, why}, each as text
//
// The rule is that of policy/breaker_record.hpp. A value that is not of this form counts as none.
#include "gate/redis_openings.hpp"

namespace tidegate::internal {

constexpr std::string_view kText = R"lua(local kept = redis.call('GET', KEYS[1]) or ''
local id, state, mode, openings, why, keep =
  string.match(kept, '^(%x+) ([012]) ([0123]) (%d+) (%d+) (%d+)$')
local left = 0
if id then
  left = math.max(redis.call('PTTL', KEYS[1]) - tonumber(keep), 0)
else
  id, state, mode, openings, why = '', '0', '0', '0', '0'
end
local function takes()
  if id == '' or id == ARGV[1] or ARGV[10] == '1' then return true end
  if mode ~= '0' then return false end
  if ARGV[3] == '0' then return state == '2' end
  if ARGV[3] == '2' then return state ~= '0' and left == 0 end
  if ARGV[9] == '1' then return state == '0' or left == 0 end
  return state == '2'
end
if ARGV[2] and takes() then
  id, state, mode, openings, why = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[7]
  left = tonumber(ARGV[6])
  local value = table.concat({id, state, mode, openings, why, ARGV[8]}, ' ')
  if mode == '0' then
    redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', left + tonumber(ARGV[8])))
  else
    redis.call('SET', KEYS[1], value)
  end
end
return {id, state, mode, openings, string.format('%.0f', left), why}
)lua";
const RedisScript kRedisOpeningsScript{kText, "b0c104e709b0ac81b53b1825ef81955f9adec4b7"};

}  // namespace tidegate::internal
