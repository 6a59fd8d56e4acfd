-- Takes the name of a record that has no park from among the parks: what was to be told of it is told.
-- KEYS: park, parks by their end. ARGV: the record's name.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('ZREM', KEYS[2], ARGV[1])
