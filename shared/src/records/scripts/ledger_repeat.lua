-- Makes an unknown outcome a new act: takes the claim, if nobody holds it and nobody acted since the doubt was met. A
-- look-up from before another one's act proves nothing of it.
-- KEYS: entry, claim. ARGV: random owner of the claim, its length in ms, whether an earlier request may have been posted
-- (1, or 0 when a look-up found nothing), how many requests were sent when the doubt was met. Returns 1 when it is ours.
local entry, claim, owner = KEYS[1], KEYS[2], ARGV[1]
local holder = redis.call('GET', claim)
local e = redis.call('HMGET', entry, 'state', 'sent')
local state = e[1]
if holder == owner and state == 'claimed' then return 1 end -- sent again: it was done
if state ~= 'unknown' or e[2] ~= ARGV[4] or (holder and holder ~= owner) then return 0 end
redis.call('SET', claim, owner, 'PX', ARGV[2])
redis.call('HSET', entry, 'state', 'claimed', 'repeats', ARGV[3])
return 1
