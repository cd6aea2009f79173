// SPDX-License-Identifier: Apache-2.0
// The decision of a limiter in the words of Redis.
//
//   KEYS[1]  "held tat count tat…": the end of the penalty, the pace and how many starts it has
//            counted, the rates in their order; whole microseconds since 1970
//   ARGV     book  now  pace  rates  weight  most_wait  hold
//            back  now  pace  rates  after  before
//            held  now  pace  rates  hold
//            late  now  pace  rates  after  by
//            now may be empty: the server's; pace is empty or "interval jitter every least most", rates
//            are "interval burst keeps …"; keeps is 1 where a start counts from when it began
//   answers  {1 or 0, wait, left of the penalty, before, after, due of each limit…}; {-1} where the
//            server tells scripts no time
//
// The words are those of policy/limit.hpp, so that processes whose limits differ may share them: a word
// is when the next start is due, whoever booked. What is beyond all that can have been booked, or is no
// word at all, starts one at a time from now. A penalty stays beside the words until the key goes.
#include "gate/redis_limits.hpp"

namespace tidegate::internal {

constexpr std::string_view kText = R"lua(local now = tonumber(ARGV[2])
if not now then
  local time = redis.pcall('TIME')
  if time.err then return {-1} end
  now = time[1] * 1000000 + time[2]
end
local function numbers(text)
  local list = {}
  for each in string.gmatch(text, '%d+') do list[#list + 1] = tonumber(each) end
  return list
end
local function text(list)
  local parts = {}
  for i = 1, #list do parts[i] = string.format('%.0f', list[i]) end
  return table.concat(parts, ' ')
end
local pace, rates = numbers(ARGV[3]), numbers(ARGV[4])
local known = redis.call('GET', KEYS[1])
local is_broken = known and not string.find(known, '^%d+ %d+ %d+[ %d]*$')
local words = numbers(not is_broken and known or '')
local held = table.remove(words, 1) or 0
if held > now + 7200000000 then held = 0 end
local limits = {}
local function limit(at, interval, burst, keeps, gap)
  local tau = (burst - 1) * interval
  for i = #words + 1, math.max(at, 2) do words[i] = 0 end
  if is_broken or words[at] > now + 86400000000 + tau + gap then words[at] = now + tau end
  limits[#limits + 1] = {at = at, interval = interval, tau = tau, keeps = keeps == 1}
end
for i = 1, #rates, 3 do limit((i - 1) / 3 + 3, rates[i], rates[i + 1], rates[i + 2], rates[i]) end
if #pace > 0 then limit(1, pace[1], 1, 1, pace[1] + pace[2] + pace[5]) end
local function due(each) return math.max(words[each.at], held + each.tau) - each.tau - now end
local function keep()
  local last = held
  for _, each in ipairs(limits) do last = math.max(last, words[each.at], held + each.tau) end
  local life = math.max(last - now, 0)
  if #pace > 0 and pace[3] > 0 then life = math.max(life, 3600000000) end
  local value = string.format('%.0f ', held) .. text(words)
  redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', math.ceil(life / 1000) + 1000))
end
local function hold(time)
  if time <= 0 then return end
  held = math.max(held, now + time)
  keep()
end
local function answer(granted, wait, before, after)
  local reply = {granted, wait, math.max(held - now, 0), before, after}
  for _, each in ipairs(limits) do reply[#reply + 1] = due(each) end
  return reply
end
if ARGV[1] == 'back' then
  if text(words) ~= ARGV[5] then return {0} end
  words = numbers(ARGV[6])
  keep()
  return {1}
end
if ARGV[1] == 'late' then
  local after, by = numbers(ARGV[5]), tonumber(ARGV[6])
  for _, each in ipairs(limits) do
    local word = (after[each.at] or 0) + by
    if each.keeps then words[each.at] = math.max(words[each.at], word) end
  end
  keep()
  return {1}
end
if ARGV[1] == 'held' then
  hold(tonumber(ARGV[5]))
  return answer(0, 0, '', '')
end
hold(tonumber(ARGV[7]))
local weight, wait = tonumber(ARGV[5]), 0
for _, each in ipairs(limits) do wait = math.max(wait, due(each) + (weight - 1) * each.interval) end
if wait > tonumber(ARGV[6]) then return answer(0, wait, '', '') end
local before, start = text(words), now + wait
for _, each in ipairs(limits) do
  local step = weight * each.interval
  local base = math.max(words[each.at], held + each.tau, start)
  if each.at == 1 then
    local period = pace[3] > 0 and math.floor(65536 / pace[3]) * pace[3] or 65536
    words[2] = (words[2] + 1) % period
    local drawn = redis.sha1hex(KEYS[1] .. ' ' .. words[2])
    local function draw(from, least, most)
      local share = tonumber(string.sub(drawn, from, from + 7), 16) / 4294967296
      return least + math.floor(share * (most - least + 1))
    end
    step = step + draw(1, 0, pace[2])
    if pace[3] > 0 and words[2] % pace[3] == 0 then step = step + draw(9, pace[4], pace[5]) end
  end
  words[each.at] = base + step
end
keep()
return answer(1, wait, before, text(words))
)lua";
const RedisScript kRedisLimitsScript{kText, "7d61f246f0be4019fd1da6fc0099c1264c3ae7f2"};

}  // namespace tidegate::internal
