-- Has a revocation told what becomes of a record's tombstones, whoever clears them.
-- KEYS: the record's tombstones. ARGV: the start of their names, the key of the revocation's receipts.
-- Returns how many there are.
local all = redis.call('SMEMBERS', KEYS[1])
for _, generation in ipairs(all) do
  local tombstone = ARGV[1] .. generation
  local known = redis.call('HGET', tombstone, 'receipts')
  if known and not string.find(' ' .. known .. ' ', ' ' .. ARGV[2] .. ' ', 1, true) then
    redis.call('HSET', tombstone, 'receipts', known == '' and ARGV[2] or known .. ' ' .. ARGV[2])
  end
end
return #all
