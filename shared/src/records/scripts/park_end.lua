-- Ends a park: the device has its tokens. The record's revision moves, so that nobody takes it for one that waits.
-- KEYS: park, parks by their end, versions, record.
-- ARGV: the token set that the device has, the start of the names of held sets, the record's name.
-- Returns 1 when it was there, 0 when it is gone, or of another token set by now.
local held_prefix, name = ARGV[2], ARGV[3]
local parked = redis.call('HMGET', KEYS[1], 'generation', 'key_id', 'key_version')
if parked[1] ~= ARGV[1] then return 0 end
local version = (parked[2] or '') .. ':' .. (parked[3] or '')
redis.call('EXISTS', held_prefix .. version)

redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], name)
redis.call('SREM', held_prefix .. version, 'park:' .. name)
if redis.call('EXISTS', held_prefix .. version) == 0 then redis.call('SREM', KEYS[3], version) end
if redis.call('EXISTS', KEYS[4]) == 1 then redis.call('HINCRBY', KEYS[4], 'revision', 1) end
return 1
