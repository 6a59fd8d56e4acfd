-- Notes that a shard finished a tick, and what it did. The first word of a shard counts: its message may come again, and
-- then finds nothing left to do.
-- KEYS: tick. ARGV: shard, number of shards, seconds to remember, what it did.
-- Returns what every shard did, for the shard that completes the tick, also when that one says so again; else nothing.
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[3])
local last = redis.call('HGET', KEYS[1], 'last')
if not last and redis.call('HLEN', KEYS[1]) == tonumber(ARGV[2]) then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'last', ARGV[1], 'ended', time[1] * 1000 + math.floor(time[2] / 1000))
  last = ARGV[1]
end
if last ~= ARGV[1] then return {} end
local done = redis.call('HGETALL', KEYS[1])
local counts = {}
for i = 1, #done, 2 do
  if tonumber(done[i]) then counts[#counts + 1] = done[i + 1] end
end
return counts
