-- Puts a tombstone off, if it is still there. KEYS: the tombstone, tombstones by their next look. ARGV: its name, the time of
-- the next look in ms, how many more tries that said no it had.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[1], 'tries', ARGV[3])
redis.call('ZADD', KEYS[2], 'XX', ARGV[2], ARGV[1])
return 1
