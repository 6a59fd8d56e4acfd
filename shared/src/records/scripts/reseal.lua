-- Replaces the ciphertexts of records of one shard by ones under another key version, each if its record is unmoved, and
-- moves the records between the sets of what is held, so that a walk over these may miss them: they go into their tenants'
-- indexes too, where an older version did not put them. Nothing else of them changes.
-- KEYS: versions, held set of the new key version, the retired versions, then the records.
-- ARGV: random id of this write, the start of the names of held sets, key id, key version, the start of the names of
-- tenants' indexes; then of each record the revision that was read, the next one, its name in held sets, its name elsewhere, its
-- new ciphertext.
-- Returns for each record 1 when it is written, 0 when it moved; an error when the new version is retired.
local versions, held = KEYS[1], KEYS[2]
local write, held_prefix, key_id, key_version = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local BEFORE, FIRST, EACH = 3, 6, 5
local after = key_id .. ':' .. key_version

local written, unmoved, leaves = {}, {}, {}
for n = 1, #KEYS - BEFORE do
  local stored = redis.call('HMGET', KEYS[BEFORE + n], 'revision', 'write', 'key_id', 'key_version')
  local at = FIRST + (n - 1) * EACH
  if stored[2] == write then -- sent again: it was done
    written[n] = 1
  elseif stored[1] == ARGV[at] then
    written[n] = 1
    unmoved[#unmoved + 1] = n
    local before = (stored[3] or '') .. ':' .. (stored[4] or '')
    leaves[before] = leaves[before] or {}
    table.insert(leaves[before], ARGV[at + 2])
  else
    written[n] = 0
  end
end
if #unmoved == 0 then return written end
if redis.call('SISMEMBER', KEYS[3], after) == 1 then return redis.error_reply('KEYRETIRED ' .. after) end

-- The old held sets cannot be among KEYS. Reading them first makes Redis Cluster refuse the script before any write, should
-- they have moved to another node. (The others it checks itself.)
for before in pairs(leaves) do redis.call('EXISTS', held_prefix .. before) end

for before, members in pairs(leaves) do
  redis.call('SREM', held_prefix .. before, unpack(members))
  if redis.call('EXISTS', held_prefix .. before) == 0 then redis.call('SREM', versions, before) end
end
local members = {}
for i, n in ipairs(unmoved) do
  local at = FIRST + (n - 1) * EACH
  redis.call('HSET', KEYS[BEFORE + n], 'write', write, 'revision', ARGV[at + 1], 'key_id', key_id, 'key_version',
    key_version, 'sealed', ARGV[at + 4])
  local tenant = redis.call('HGET', KEYS[BEFORE + n], 'tenant')
  if tenant then redis.call('ZADD', ARGV[5] .. tenant, 0, ARGV[at + 3]) end
  members[i] = ARGV[at + 2]
end
redis.call('SADD', held, unpack(members))
redis.call('SADD', versions, after)
return written
