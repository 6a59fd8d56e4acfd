-- Writes fields of one record, if its condition holds, and moves the record between the shard's indexes.
-- KEYS: record, owner's index, versions, held set of the record's key version from now on, due, owner's epoch, the
-- hashes of refresh tokens, the retired versions, the tenant's epoch, the record's park, parks by their end, the tenant's index;
-- where the record takes another consent's place, the tombstone of what it replaces, the held set of its key version, tombstones
-- by their next look, the record's tombstones, the owner's, the tenant's.
-- ARGV: condition (absent, revision, generation), what it wants, random id of this write, revision of a new record, the start of
-- the names of held sets, the record's name there, the record's name elsewhere, the owner's epoch that it
-- belongs to (empty: any), the key version of the new ciphertext (empty: there is none), how long the tokens are parked that
-- come with it in ms (empty: none do), whether they are owed to who holds what the record knew before (1, or 0), how many fields
-- and values of the park follow, these, how many arguments are about a tombstone, these (1 where it is laid in any case, 0: where a
-- revocation began since the replaced consent; its key version, its name in held sets, its name elsewhere, its generation, the
-- time of its next look in ms, its fields and values), then fields and values of the record in turn.
-- A park is of the record's generation and ends with it, and where the record cannot be used or its tokens rest here. One that
-- was not picked up keeps its name among the parks, until that was told (park_off.lua).
-- Returns {1, revision} when it is written, {0} when the condition does not hold; an error when the version is retired.
local record, owner, versions, held, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local condition, wanted, write, first = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local held_prefix, member, name = ARGV[5], ARGV[6], ARGV[7]
local in_epoch, tokens = ARGV[8], KEYS[7]
local park, parks, park_member = KEYS[10], KEYS[11], 'park:' .. name
local lasts, owed, PARK = ARGV[10], ARGV[11], 13
local PARKED = PARK + tonumber(ARGV[12])
local BURIED, buries = PARKED + 1, tonumber(ARGV[PARKED])
local FIELDS = BURIED + buries

local stored = redis.call('HMGET', record, 'revision', 'write', 'key_id', 'key_version', 'generation', 'token', 'superseded',
  'epoch')
local revision = stored[1]
if stored[2] == write then return {1, tonumber(revision)} end -- sent again: it was done

-- What a consent from before a revocation brought is not stored after it.
local function epoch()
  return (tonumber(redis.call('GET', KEYS[6])) or 0) + (tonumber(redis.call('GET', KEYS[9])) or 0)
end
if in_epoch ~= '' and epoch() ~= tonumber(in_epoch) then return {0} end

if condition == 'absent' then
  if redis.call('EXISTS', record) == 1 then return {0} end
else
  local unmoved = (condition == 'revision' and revision == wanted) or (condition == 'generation' and stored[5] == wanted)
  if not unmoved then return {0} end
end
if redis.call('SISMEMBER', KEYS[8], ARGV[9]) == 1 then return redis.error_reply('KEYRETIRED ' .. ARGV[9]) end

local function hashes(token, superseded)
  local set = {}
  for hash in string.gmatch(token .. ' ' .. superseded, '%x+') do set[hash] = true end
  return set
end
-- A record of format 1 has no `token`, and is not in this index.
local known = stored[6] and hashes(stored[6], stored[7] or '') or {}

-- From the hash itself, not from the caller: a re-seal may have moved the record since the caller read it.
local before = stored[3] and stored[4] and stored[3] .. ':' .. stored[4]
-- The old held set cannot be among KEYS. Reading it first makes Redis Cluster refuse the script before any write, should
-- it have moved to another node. (The others it checks itself.)
if before then redis.call('EXISTS', held_prefix .. before) end
local parked = redis.call('HMGET', park, 'generation', 'key_id', 'key_version', 'from')
local parked_under = parked[1] and parked[2] .. ':' .. parked[3]
if parked_under then redis.call('EXISTS', held_prefix .. parked_under) end

local function is_older() return (tonumber(stored[8]) or 0) < (tonumber(in_epoch) or epoch()) end
if buries > 0 and (ARGV[BURIED] == '1' or is_older()) then
  redis.call('HSET', KEYS[13], unpack(ARGV, BURIED + 6, FIELDS - 1))
  redis.call('SADD', KEYS[14], ARGV[BURIED + 2])
  redis.call('SADD', versions, ARGV[BURIED + 1])
  redis.call('ZADD', KEYS[15], ARGV[BURIED + 5], ARGV[BURIED + 3])
  redis.call('SADD', KEYS[16], ARGV[BURIED + 4])
  redis.call('ZADD', KEYS[17], 0, ARGV[BURIED + 3])
  redis.call('ZADD', KEYS[18], 0, ARGV[BURIED + 3])
end

redis.call('HSET', record, 'write', write, unpack(ARGV, FIELDS))
if revision then
  revision = redis.call('HINCRBY', record, 'revision', 1)
else
  revision = tonumber(first)
  redis.call('HSET', record, 'revision', first)
end
-- A revocation ends what was consented to before it began, and each scope of it counts for itself. A refresh is of the same
-- consent.
if in_epoch ~= '' or condition == 'absent' then
  redis.call('HSET', record, 'epoch', epoch(), 'tenant_epoch', tonumber(redis.call('GET', KEYS[9])) or 0)
  -- what a consent brought for a device did not arrive yet (park_end.lua)
  if lasts ~= '' then redis.call('HSET', record, 'arrived', '') end
end

local now = redis.call('HMGET', record, 'key_id', 'key_version', 'next_due', 'token', 'superseded', 'generation', 'standing',
  'custody', 'standing_code')
local after = now[1] .. ':' .. now[2]
if before and before ~= after then
  redis.call('SREM', held_prefix .. before, member)
  if redis.call('EXISTS', held_prefix .. before) == 0 then redis.call('SREM', versions, before) end
end

-- The refresh tokens that a device may hold which was given none since: the newest last, as many as a record remembers, and the
-- first, which is what the device was given.
local function holders()
  if owed ~= '1' then return '' end
  local known, last = parked[1] == stored[5] and parked[4] or '', {}
  for hash in string.gmatch(known .. ' ' .. (stored[6] or ''), '%x+') do last[#last + 1] = hash end
  if #last <= 8 then return table.concat(last, ' ') end
  return last[1] .. ' ' .. table.concat(last, ' ', #last - 6)
end
local ends = now[6] ~= parked[1] or now[7] == 'needs-consent' or now[8] ~= 'device'
if parked_under and (lasts ~= '' or ends) then
  redis.call('DEL', park)
  if now[7] ~= 'needs-consent' or now[9] ~= 'pickup-expired' then redis.call('ZREM', parks, name) end
  redis.call('SREM', held_prefix .. parked_under, park_member)
  if redis.call('EXISTS', held_prefix .. parked_under) == 0 then redis.call('SREM', versions, parked_under) end
end
if lasts ~= '' then
  local time = redis.call('TIME')
  local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(lasts)
  redis.call('HSET', park, 'until', string.format('%.0f', until_ms), 'from', holders(), unpack(ARGV, PARK, PARKED - 1))
  redis.call('ZADD', parks, until_ms, name)
  redis.call('SADD', held, park_member)
end
redis.call('SADD', held, member)
redis.call('SADD', versions, after)
redis.call('SADD', owner, name)
redis.call('ZADD', KEYS[12], 0, name)
if now[4] then
  local holds = hashes(now[4], now[5] or '')
  for hash in pairs(known) do
    if not holds[hash] and redis.call('HGET', tokens, hash) == name then redis.call('HDEL', tokens, hash) end
  end
  for hash in pairs(holds) do
    if not known[hash] then redis.call('HSET', tokens, hash, name) end
  end
end
if now[3] == '' then redis.call('ZREM', due, name) else redis.call('ZADD', due, now[3], name) end
return {1, revision}
