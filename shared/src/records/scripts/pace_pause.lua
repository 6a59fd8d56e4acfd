-- No call to a provider for so long, or until an earlier pause ends, if that is later.
-- KEYS: pace. ARGV: microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ends = math.max(tonumber(redis.call('HGET', KEYS[1], 'pause')) or 0, now + ARGV[1])
redis.call('HSET', KEYS[1], 'pause', string.format('%.0f', ends))
local kept = redis.call('HMGET', KEYS[1], 'next', 'line')
local latest = math.max(ends, tonumber(kept[1]) or 0, tonumber(kept[2]) or 0)
redis.call('EXPIRE', KEYS[1], math.ceil((latest - now) / 1000000) + 60)
return 1
