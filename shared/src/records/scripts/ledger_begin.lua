-- Begins one delivery's turn at a ledger entry: takes the claim where there is nothing but a claim that is over, and says
-- what there is otherwise. Where asked to, and the record has an access token that can be used as it is, it reads it and
-- marks a request as about to be sent in the same breath: `ledger_sending.lua` with nothing in between. At one turn in
-- sixteen it forgets what may be forgotten in this shard.
-- KEYS: entry, forget, versions, owner's epoch, tenant's epoch, the record (nothing: no mark is made).
-- ARGV: random owner of the claim, its length in ms, fingerprint, how long an entry is kept in ms, the entry's name, the
-- start of the names of entries, the start of the names of held sets, the start of an entry's name there; for a mark the
-- time in ms by the caller's clock, how long before its end an access token counts as expired in ms, the key id and key
-- version that the caller can open.
-- Returns {'act', epoch, 1 if it was claimed before}
-- | {'send', number of the request, 1 if it was claimed before, generation, consent, sealed, refreshed_at} (the last four where the
-- record is still the one that the mark was made for) | {'busy', ms left}
-- | {'doubt', ms left, ms since the first request, requests sent, epoch, consent} | {'reused'}
-- | {'settled', state, outcome, key id, key version, sealed}; an error when a newer version wrote the entry.
local entry, forget, versions, epoch = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local owner, length, fingerprint, kept, name = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local entries, held_prefix, member_prefix, record = ARGV[6], ARGV[7], ARGV[8], KEYS[6]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- The generation, consent, sealed part and time of the last refresh of a record that can be used as it is. Anything odd is left to who reads it whole.
local function ready()
  if not record then return end
  local r = redis.call('HMGET', record, 'standing', 'format', 'key_version', 'key_id', 'access_expires_at', 'refreshed_at',
    'generation', 'request', 'sealed')
  if r[1] ~= 'active' or (tonumber(r[2]) or 9) > 2 or r[3] ~= ARGV[12] or r[4] ~= ARGV[11] then return end
  local ends, began = tonumber(r[5]), tonumber(r[6])
  local lasts = ends and began and ends - tonumber(ARGV[9]) > math.min(tonumber(ARGV[10]), (ends - began) / 4)
  if r[5] == '' or lasts then return r[7], r[8], r[9], r[6] end
end

local forgets = owner:sub(-1) == '0' -- a random digit of sixteen
for _, old in ipairs(forgets and redis.call('ZRANGEBYSCORE', forget, '-inf', now, 'LIMIT', 0, 128) or {}) do
  local sealed = redis.call('HMGET', entries .. old, 'key_id', 'key_version')
  if sealed[1] and sealed[1] ~= '' then
    local version = sealed[1] .. ':' .. sealed[2]
    redis.call('SREM', held_prefix .. version, member_prefix .. old)
    if redis.call('EXISTS', held_prefix .. version) == 0 then redis.call('SREM', versions, version) end
  end
  redis.call('DEL', entries .. old)
  redis.call('ZREM', forget, old)
end

local e = redis.call('HMGET', entry, 'state', 'fingerprint', 'repeats', 'first', 'outcome', 'key_id', 'key_version',
  'sealed', 'epoch', 'sent', 'consent', 'claim', 'until', 'format')
local state = e[1]
if (tonumber(e[14]) or 1) > 1 then return redis.error_reply('NEWERFORMAT ' .. e[14]) end
if e[2] and e[2] ~= fingerprint then return {'reused'} end
if state == 'done' or state == 'told' or state == 'conflict' then
  return {'settled', state, e[5], e[6], e[7], e[8]}
end

local left = e[12] and e[12] ~= '' and math.max(0, tonumber(e[13]) - now) or 0
local own = left > 0 and e[12] == owner -- sent again, its answer was lost
if own and state == 'sending' then
  local generation, consent, sealed, refreshed_at = ready()
  if consent ~= e[11] then return {'send', tonumber(e[10]), 1} end
  return {'send', tonumber(e[10]), 1, generation, consent, sealed, refreshed_at}
end
if state == 'unknown' then return {'doubt', left, now - tonumber(e[4]), tonumber(e[10]), e[9] or '0', e[11] or ''} end
if left > 0 and not own then return {'busy', left} end

-- A request was sent, or one before may have been posted, and nobody is there any more to say how it ended.
if state == 'sending' or (state == 'claimed' and e[3] == '1') then
  redis.call('HSET', entry, 'state', 'unknown')
  return {'doubt', left, now - tonumber(e[4]), tonumber(e[10]), e[9] or '0', e[11] or ''}
end

local claimed_until = now + tonumber(length)
local generation, consent, sealed, refreshed_at = ready()
if state then
  if not sealed then
    redis.call('HSET', entry, 'claim', owner, 'until', claimed_until)
    redis.call('ZADD', forget, now + kept, name)
    return {'act', e[9] or '0', 1}
  end
  redis.call('HSETNX', entry, 'first', now)
  redis.call('HSET', entry, 'state', 'sending', 'consent', consent, 'claim', owner, 'until', claimed_until)
  redis.call('ZREM', forget, name)
  return {'send', redis.call('HINCRBY', entry, 'sent', 1), 1, generation, consent, sealed, refreshed_at}
end

-- The first time everything is written at once: this is most of what Redis does for a job. Who sends at once has a record,
-- and no use for the epoch.
if not sealed then
  local now_epoch = (tonumber(redis.call('GET', epoch)) or 0) + (tonumber(redis.call('GET', KEYS[5])) or 0)
  redis.call('HSET', entry, 'format', 1, 'state', 'claimed', 'fingerprint', fingerprint, 'sent', 0, 'epoch', now_epoch,
    'claim', owner, 'until', claimed_until)
  redis.call('ZADD', forget, now + kept, name)
  return {'act', now_epoch, 0}
end
redis.call('HSET', entry, 'format', 1, 'state', 'sending', 'fingerprint', fingerprint, 'sent', 1, 'first', now,
  'consent', consent, 'claim', owner, 'until', claimed_until)
return {'send', 1, 0, generation, consent, sealed, refreshed_at}
