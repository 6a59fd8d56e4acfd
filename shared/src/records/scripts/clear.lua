-- Takes a tombstone away, also a damaged one, and writes into the receipts of the revocations that wait for it, and of the one
-- that is at it, what became of its tokens: of several token sets of a connection the worst word counts.
-- KEYS: the tombstone, tombstones by their next look, the record's tombstones, versions, the receipts of who is at it (none:
-- nobody's).
-- ARGV: the start of the names of held sets, the tombstone's name there, its name elsewhere, its generation, the record's name,
-- the word, how long receipts are kept in ms, the start of the names of the indexes of an owner's and a tenant's tombstones.
-- Returns 1 when it was there.
local RANK = { revoked = 1, superseded = 2, unsupported = 3, ['gave-up'] = 4 }
local held_prefix, name, word = ARGV[1], ARGV[5], ARGV[6]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local stored = redis.call('HMGET', KEYS[1], 'key_id', 'key_version', 'receipts', 'owner', 'tenant')
local held_by = { (stored[1] or '') .. ':' .. (stored[2] or '') }
if redis.call('SISMEMBER', held_prefix .. held_by[1], ARGV[2]) == 0 then
  held_by = redis.call('SMEMBERS', KEYS[4]) -- it does not know any more which one
end

redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('SREM', KEYS[3], ARGV[4])
for _, tag in ipairs({ stored[4] or '', stored[5] or '' }) do redis.call('ZREM', ARGV[8] .. tag, ARGV[3]) end
for _, version in ipairs(held_by) do
  if redis.call('SREM', held_prefix .. version, ARGV[2]) == 1 and redis.call('EXISTS', held_prefix .. version) == 0 then
    redis.call('SREM', KEYS[4], version)
  end
end

local function receipt(key)
  if not key or key == '' then return end
  local known = redis.call('HGET', key, name)
  if not known or (RANK[word] or 0) > (RANK[known] or 0) then redis.call('HSET', key, name, word) end
  redis.call('PEXPIRE', key, ARGV[7])
end
for key in string.gmatch(stored[3] or '', '%S+') do receipt(key) end
receipt(KEYS[5])
return 1
