-- Ends a park: the device has its tokens, or nobody will. One of a newer token set is owed to nobody any more who held older ones
-- than these. The record's revision moves, so that nobody takes it for one that waits; and it notes that the device has what the
-- request of its consent brought, or what came of that.
-- KEYS: park, parks by their end, versions, record.
-- ARGV: the token set that the device has, the start of the names of held sets, the record's name, the hash of its refresh token
-- (may be empty), whether the device has them (1, or 0).
-- Returns 1 when it was there, 0 when it is gone, or of another token set by now.
local held_prefix, name = ARGV[2], ARGV[3]
local parked = redis.call('HMGET', KEYS[1], 'generation', 'key_id', 'key_version', 'from')
if parked[1] ~= ARGV[1] then
  local at = parked[1] and ARGV[4] ~= '' and string.find(parked[4], ARGV[4], 1, true)
  if at then redis.call('HSET', KEYS[1], 'from', string.sub(parked[4], at)) end
  return 0
end
local version = (parked[2] or '') .. ':' .. (parked[3] or '')
redis.call('EXISTS', held_prefix .. version)

redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], name)
redis.call('SREM', held_prefix .. version, 'park:' .. name)
if redis.call('EXISTS', held_prefix .. version) == 0 then redis.call('SREM', KEYS[3], version) end
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('HINCRBY', KEYS[4], 'revision', 1)
  if ARGV[5] == '1' then redis.call('HSET', KEYS[4], 'arrived', redis.call('HGET', KEYS[4], 'request') or '') end
end
return 1
