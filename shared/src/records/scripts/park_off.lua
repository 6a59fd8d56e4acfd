-- Takes the name of a record that has no park from among the parks: what was to be told of it is told. One that stands as not
-- picked up keeps its name for whoever told of another token set's end, or of none.
-- KEYS: park, parks by their end, record. ARGV: the record's name, the token set whose end was told (may be empty).
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local stands = redis.call('HMGET', KEYS[3], 'standing_code', 'generation')
if stands[1] == 'pickup-expired' and stands[2] ~= ARGV[2] then return 0 end
return redis.call('ZREM', KEYS[2], ARGV[1])
