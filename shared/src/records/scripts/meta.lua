-- Fixes a new store to what ARGV says, field by field, and returns what the store is fixed to.
-- KEYS: meta. ARGV: field, value, field, value, …; nothing from who has seen a store already and makes none.
if #ARGV > 0 and redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
end
return redis.call('HGETALL', KEYS[1])
