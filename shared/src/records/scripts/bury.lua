-- Takes a record out of its shard, and puts its token set, sealed for that, into a tombstone; or puts one there that came
-- late; or only takes the record away, where nothing in it can be opened. A park of the record goes with it.
-- KEYS: record, owner's index, versions, due, the hashes of refresh tokens, the retired versions, held set of the tombstone's
-- key version, the tombstone, tombstones by their next look, the record's tombstones, the revocation's receipts, the record's
-- park, parks by their end, the tenant's index, the owner's tombstones, the tenant's.
-- ARGV: 1 where the record goes (0: the tokens came late), the revision that was read (empty: any), the epoch that the
-- revocation began, the start of the names of held sets, the record's name there, its name elsewhere; the key version of the
-- tombstone (empty: there is none), its name in held sets, its name elsewhere, its generation, the time of the next look in ms;
-- the receipt where there is no tombstone (else empty), how long receipts are kept in ms, the field of a record that the
-- epoch is compared with; then fields and values of the tombstone.
-- Returns 1 when it is done, 0 when the record moved or is gone, 2 when it is of a later consent; an error when the version
-- is retired.
local record, owner, versions, due, tokens = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local goes, revision, epoch, held_prefix = ARGV[1] == '1', ARGV[2], tonumber(ARGV[3]), ARGV[4]
local member, name, version = ARGV[5], ARGV[6], ARGV[7]
local FIELDS = 15

local buries = version ~= ''
local is_buried = buries and redis.call('EXISTS', KEYS[8]) == 1
if is_buried and not (goes and redis.call('EXISTS', record) == 1) then return 1 end -- sent again: it was done
local stored = {}
if goes then
  if redis.call('EXISTS', record) == 0 then return 0 end
  stored = redis.call('HMGET', record, 'revision', 'key_id', 'key_version', ARGV[14], 'token', 'superseded')
  if revision ~= '' and stored[1] ~= revision then return 0 end
  if (tonumber(stored[4]) or 0) >= epoch then return 2 end
end
-- What is buried already of this token set stays as it is.
buries = buries and not is_buried
if buries and redis.call('SISMEMBER', KEYS[6], version) == 1 then return redis.error_reply('KEYRETIRED ' .. version) end

if goes then
  local before = stored[2] and stored[3] and stored[2] .. ':' .. stored[3]
  local parked = redis.call('HMGET', KEYS[12], 'key_id', 'key_version')
  local parked_under = parked[1] and parked[2] and parked[1] .. ':' .. parked[2]
  -- The old held set cannot be among KEYS. Reading it first makes Redis Cluster refuse the script before any write, should
  -- it have moved to another node. (The others it checks itself.)
  if before then redis.call('EXISTS', held_prefix .. before) end
  if parked_under then redis.call('EXISTS', held_prefix .. parked_under) end
  redis.call('DEL', record, KEYS[12])
  redis.call('ZREM', KEYS[13], name)
  redis.call('SREM', owner, name)
  redis.call('ZREM', due, name)
  redis.call('ZREM', KEYS[14], name)
  for hash in string.gmatch((stored[5] or '') .. ' ' .. (stored[6] or ''), '%x+') do
    if redis.call('HGET', tokens, hash) == name then redis.call('HDEL', tokens, hash) end
  end
  local function leaves(key, what)
    redis.call('SREM', held_prefix .. key, what)
    if redis.call('EXISTS', held_prefix .. key) == 0 then redis.call('SREM', versions, key) end
  end
  if before then leaves(before, member) end
  if parked_under then leaves(parked_under, 'park:' .. name) end
end
if buries then
  redis.call('HSET', KEYS[8], unpack(ARGV, FIELDS))
  redis.call('SADD', KEYS[7], ARGV[8])
  redis.call('SADD', versions, version)
  redis.call('ZADD', KEYS[9], ARGV[11], ARGV[9])
  redis.call('SADD', KEYS[10], ARGV[10])
  redis.call('ZADD', KEYS[15], 0, ARGV[9])
  redis.call('ZADD', KEYS[16], 0, ARGV[9])
end
if ARGV[12] ~= '' then
  redis.call('HSET', KEYS[11], name, ARGV[12])
  redis.call('PEXPIRE', KEYS[11], ARGV[13])
end
return 1
