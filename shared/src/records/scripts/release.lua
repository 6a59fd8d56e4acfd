-- Ends a lease, if it is still its owner's. KEYS: lease. ARGV: owner. Returns 1 when it was.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
