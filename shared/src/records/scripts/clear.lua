-- Takes a tombstone away, and writes into the receipts of the revocation that made it, and of the one that is at it, what
-- became of its tokens: of several token sets of a connection the worst word counts.
-- KEYS: the tombstone, tombstones by their next look, the record's tombstones, versions, the receipts of who is at it (none:
-- nobody's).
-- ARGV: the start of the names of held sets, the tombstone's name there, its name elsewhere, its generation, the record's name,
-- the word, how long receipts are kept in ms.
-- Returns 1 when it was there.
local RANK = { revoked = 1, superseded = 2, unsupported = 3, ['gave-up'] = 4 }
local held_prefix, name, word = ARGV[1], ARGV[5], ARGV[6]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local stored = redis.call('HMGET', KEYS[1], 'key_id', 'key_version', 'receipts')
local version = (stored[1] or '') .. ':' .. (stored[2] or '')
redis.call('EXISTS', held_prefix .. version)

redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('SREM', KEYS[3], ARGV[4])
redis.call('SREM', held_prefix .. version, ARGV[2])
if redis.call('EXISTS', held_prefix .. version) == 0 then redis.call('SREM', KEYS[4], version) end

local function receipt(key)
  if not key or key == '' then return end
  local known = redis.call('HGET', key, name)
  if not known or (RANK[word] or 0) > (RANK[known] or 0) then redis.call('HSET', key, name, word) end
  redis.call('PEXPIRE', key, ARGV[7])
end
receipt(stored[3])
receipt(KEYS[5])
return 1
