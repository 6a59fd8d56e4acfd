-- Makes an unknown outcome a new act: takes the claim, if nobody holds it and nobody acted since the doubt was met. A
-- look-up from before another one's act proves nothing of it.
-- KEYS: entry. ARGV: random owner of the claim, its length in ms, whether an earlier request may have been posted
-- (1, or 0 when a look-up found nothing), how many requests were sent when the doubt was met. Returns 1 when it is ours.
local entry, owner = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local e = redis.call('HMGET', entry, 'state', 'sent', 'claim', 'until')
local state, held = e[1], e[3] and e[3] ~= '' and tonumber(e[4]) > now
if held and e[3] == owner and state == 'claimed' then return 1 end -- sent again: it was done
if state ~= 'unknown' or e[2] ~= ARGV[4] or (held and e[3] ~= owner) then return 0 end
redis.call('HSET', entry, 'state', 'claimed', 'repeats', ARGV[3], 'claim', owner, 'until', now + tonumber(ARGV[2]))
return 1
