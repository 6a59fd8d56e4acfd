-- Puts records into their tenant's index, if they are there. KEYS: the index. ARGV: the start of the names of records, then their
-- names. Returns how many were not in it.
local new = 0
for n = 2, #ARGV do
  if redis.call('EXISTS', ARGV[1] .. ARGV[n]) == 1 then new = new + redis.call('ZADD', KEYS[1], 0, ARGV[n]) end
end
return new
