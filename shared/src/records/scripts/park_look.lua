-- Reads a park, and the time by the one clock that parks end by. KEYS: park. ARGV: the fields.
-- Returns {values, now in ms}.
local time = redis.call('TIME')
return {redis.call('HMGET', KEYS[1], unpack(ARGV)), time[1] * 1000 + math.floor(time[2] / 1000)}
