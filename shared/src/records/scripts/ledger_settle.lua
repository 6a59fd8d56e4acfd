-- Writes what somebody knows of request n, and lets a claim go.
-- KEYS: entry, forget, versions, retired versions, held set of the key version of `sealed`.
-- ARGV: what is known ('happened', 'refused', 'lost', 'unsent', 'declined', 'given-up'), n (0 with 'unsent': the one that was
-- marked with the claim), the claim's owner, whether the claim ends
-- (1, 0), how long a settled entry is kept in ms, the entry's name, its name in held sets, the start of the
-- names of held sets, key id, key version, sealed result (the last three only for 'happened', 'refused', 'declined').
-- Returns {state, outcome, key id, key version, sealed} as they are after it, or nothing when it is done with the very result
-- that was given; an error when the version is retired.
local entry, forget, versions, held = KEYS[1], KEYS[2], KEYS[3], KEYS[5]
local what, n, owner, ends = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1'
local kept, name, member, held_prefix = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local after = ARGV[10] and ARGV[9] .. ':' .. ARGV[10]
if after and redis.call('SISMEMBER', KEYS[4], after) == 1 then return redis.error_reply('KEYRETIRED ' .. after) end
local e = redis.call('HMGET', entry, 'state', 'sent', 'repeats', 'outcome', 'key_id', 'key_version', 'claim', 'until')
local state, newest, repeats, told = e[1], n == tonumber(e[2]), e[3] == '1', e[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local own = e[7] == owner and tonumber(e[8]) > now
local release = ends and e[7] == owner
if what == 'unsent' and n == 0 then newest = e[7] == owner end
local ours = false -- whether the entry is done with this very result

local function keep() redis.call('ZADD', forget, now + kept, name) end

local function claimed()
  redis.call('HSET', entry, 'state', 'claimed')
  keep()
end

local function settle(to)
  local before = e[5] and e[5] .. ':' .. e[6]
  if before and before ~= after then
    redis.call('SREM', held_prefix .. before, member)
    if redis.call('EXISTS', held_prefix .. before) == 0 then redis.call('SREM', versions, before) end
  end
  redis.call('HSET', entry, 'state', to, 'outcome', what, 'key_id', ARGV[9], 'key_version', ARGV[10], 'sealed', ARGV[11],
    'claim', release and '' or e[7] or '')
  release = false
  redis.call('SADD', held, member)
  if redis.call('SCARD', held) == 1 then redis.call('SADD', versions, after) end
  keep()
  ours = to == 'done'
end

-- That a post exists always counts. A refusal says something of the job only if it answers the newest request and no
-- earlier one may have been posted.
if what == 'happened' or what == 'refused' then
  local settles = what == 'happened' or (newest and not repeats)
  if (state == 'done' and told == 'happened') or state == 'conflict' then -- the first truth stays
  elseif not settles then
    if state == 'sending' and newest then redis.call('HSET', entry, 'state', 'unknown') end
  elseif state == 'told' and told ~= what then settle('conflict')
  else settle('done') end
elseif what == 'lost' then
  if state == 'sending' and newest then redis.call('HSET', entry, 'state', 'unknown') end
elseif what == 'unsent' then -- known not to be posted
  if newest and repeats and state == 'sending' then redis.call('HSET', entry, 'state', 'unknown')
  elseif newest and not repeats and (state == 'sending' or state == 'unknown') then claimed() end
elseif what == 'declined' then -- nothing was sent under this claim, and nothing will be
  if state == 'claimed' and own then
    what = 'refused'
    settle(repeats and 'told' or 'done') -- one before it may have been carried out: should it be known later, that counts
  end
elseif state == 'claimed' and repeats and own then -- given up before anything was sent
  redis.call('HSET', entry, 'state', 'unknown')
end
if release then redis.call('HSET', entry, 'claim', '') end
if ours then return {} end
local stands = redis.call('HMGET', entry, 'state', 'outcome', 'key_id', 'key_version', 'sealed')
if stands[1] == 'done' and stands[5] == ARGV[11] then return {} end
return stands
