-- Writes an operator's word on an unknown outcome, or a worker's.
-- KEYS: entry, forget, versions, retired versions, held set of the key version of `sealed`.
-- ARGV: the word ('happened', 'refused'), how long it is kept in ms, the entry's name, its name in held sets, key id, key
-- version, sealed result, how many requests were sent when the worker met the doubt (an operator: empty). Returns 1 when
-- it is written, 0 when the outcome is not unknown, or somebody acted since; an error when the version is retired, or a newer
-- version wrote the entry.
local entry, forget, versions, held = KEYS[1], KEYS[2], KEYS[3], KEYS[5]
local version = ARGV[5] .. ':' .. ARGV[6]
local e = redis.call('HMGET', entry, 'state', 'outcome', 'repeats', 'sent', 'claim', 'until', 'format')
if (tonumber(e[7]) or 1) > 1 then return redis.error_reply('NEWERFORMAT ' .. e[7]) end
if e[1] == 'told' and e[2] == ARGV[1] then return 1 end -- sent again: it was done
local doubt = e[1] == 'unknown' or e[1] == 'sending' or (e[1] == 'claimed' and e[3] == '1')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if not doubt or (e[5] and e[5] ~= '' and tonumber(e[6]) > now) then return 0 end
if ARGV[8] ~= '' and ARGV[8] ~= e[4] then return 0 end
if redis.call('SISMEMBER', KEYS[4], version) == 1 then return redis.error_reply('KEYRETIRED ' .. version) end
redis.call('HSET', entry, 'state', 'told', 'outcome', ARGV[1], 'key_id', ARGV[5], 'key_version', ARGV[6], 'sealed', ARGV[7])
redis.call('SADD', held, ARGV[4])
redis.call('SADD', versions, version)
redis.call('ZADD', forget, now + tonumber(ARGV[2]), ARGV[3])
return 1
