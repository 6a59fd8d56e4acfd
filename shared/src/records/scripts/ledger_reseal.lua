-- Replaces the ciphertext of a settled entry's result by one under another key version, if it is still the one that was
-- read. Sent again it finds its own ciphertext.
-- KEYS: entry, versions, held set of the new key version, the retired versions.
-- ARGV: the ciphertext that was read, the entry's name in held sets, the start of the names of held sets, key id, key
-- version, the new ciphertext.
-- Returns 1 if the entry holds the new ciphertext now; an error when the new version is retired.
local entry, versions, held = KEYS[1], KEYS[2], KEYS[3]
local member, held_prefix, after = ARGV[2], ARGV[3], ARGV[4] .. ':' .. ARGV[5]
local e = redis.call('HMGET', entry, 'sealed', 'key_id', 'key_version')
if e[1] == ARGV[6] then return 1 end
if e[1] ~= ARGV[1] then return 0 end
if redis.call('SISMEMBER', KEYS[4], after) == 1 then return redis.error_reply('KEYRETIRED ' .. after) end
local before = e[2] .. ':' .. e[3]
redis.call('SREM', held_prefix .. before, member)
if redis.call('EXISTS', held_prefix .. before) == 0 then redis.call('SREM', versions, before) end
redis.call('HSET', entry, 'key_id', ARGV[4], 'key_version', ARGV[5], 'sealed', ARGV[6])
redis.call('SADD', held, member)
redis.call('SADD', versions, after)
return 1
