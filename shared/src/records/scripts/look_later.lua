-- Puts a tombstone off, if it is still there. KEYS: the tombstone, tombstones by their next look. ARGV: its name, the time of
-- the next look in ms, how many more tries that said no it had.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local counts = redis.call('HMGET', KEYS[1], 'tries', 'looks')
redis.call('HSET', KEYS[1], 'tries', (tonumber(counts[1]) or 0) + ARGV[3], 'looks', (tonumber(counts[2]) or 0) + 1)
redis.call('ZADD', KEYS[2], 'XX', ARGV[2], ARGV[1])
return 1
