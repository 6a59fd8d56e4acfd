-- Reads an entry, and changes nothing.
-- KEYS: entry, forget. ARGV: the entry's name.
-- Returns {state, outcome, key id, key version, sealed, requests sent, time of the first in ms, how long its claim holds in ms (nothing
-- where nobody has it), when it is forgotten in ms (nothing: not before it is resolved)}; an error when a newer version wrote it.
local e = redis.call('HMGET', KEYS[1], 'state', 'outcome', 'key_id', 'key_version', 'sealed', 'sent', 'first', 'claim', 'until',
  'format')
if (tonumber(e[10]) or 1) > 1 then return redis.error_reply('NEWERFORMAT ' .. e[10]) end
local time = redis.call('TIME')
local left = e[8] and e[8] ~= '' and tonumber(e[9]) - (time[1] * 1000 + math.floor(time[2] / 1000))
return {e[1], e[2], e[3], e[4], e[5], e[6], e[7], left and left > 0 and left, redis.call('ZSCORE', KEYS[2], ARGV[1])}
