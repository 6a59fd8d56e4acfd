-- Notes that a request is about to be sent, if the claim is still ours, and gives the claim its whole length anew.
-- KEYS: entry, forget. ARGV: the claim's owner, its length in ms, random id of this write, the entry's name, the
-- consent that the request is sent under (may be empty).
-- Returns the number of the request; 0 when the claim is not ours any more, or when an earlier request that may have been
-- carried out was sent under another consent.
local entry, forget = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local e = redis.call('HMGET', entry, 'state', 'write', 'sent', 'repeats', 'consent', 'claim', 'until')
if e[6] ~= ARGV[1] or tonumber(e[7]) <= now then return 0 end
if e[1] == 'sending' and e[2] == ARGV[3] then return tonumber(e[3]) end -- sent again: it was done
if e[1] ~= 'claimed' then return 0 end
if e[4] == '1' and e[5] and e[5] ~= ARGV[5] then return 0 end
redis.call('HSETNX', entry, 'first', now)
redis.call('HSET', entry, 'state', 'sending', 'write', ARGV[3], 'consent', ARGV[5], 'until', now + tonumber(ARGV[2]))
redis.call('ZREM', forget, ARGV[4]) -- what may have been posted is kept until it is resolved
return redis.call('HINCRBY', entry, 'sent', 1)
