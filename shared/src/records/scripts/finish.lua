-- Notes that a shard finished a tick. Returns 1 for the shard that completes the tick, also when that one says so again.
-- KEYS: tick. ARGV: shard, number of shards, seconds to remember.
redis.call('HSET', KEYS[1], ARGV[1], '')
redis.call('EXPIRE', KEYS[1], ARGV[3])
local last = redis.call('HGET', KEYS[1], 'last')
if not last and redis.call('HLEN', KEYS[1]) == tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'last', ARGV[1])
  last = ARGV[1]
end
return last == ARGV[1] and 1 or 0
