-- Begins a revocation: moves the epoch of its owner or tenant on, once, however often it is begun.
-- KEYS: the revocation, the epoch that it moves, the other one that counts for the same owner (none: none does).
-- ARGV: fingerprint of the request, how long it is remembered in ms.
-- Returns the epoch that it began; 0 when another request has its id.
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'epoch')
if known[1] then
  if known[1] ~= ARGV[1] then return 0 end
  redis.call('PEXPIRE', KEYS[1], ARGV[2]) -- who asks once more may do so again
  return tonumber(known[2])
end
local epoch = redis.call('INCR', KEYS[2]) + (KEYS[3] and tonumber(redis.call('GET', KEYS[3])) or 0)
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'epoch', epoch)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return epoch
