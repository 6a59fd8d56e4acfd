-- Begins one delivery's turn at a ledger entry: takes the claim where there is nothing but a claim that is over, and says
-- what there is otherwise. Marks a request as about to be sent in the same breath, if asked to: `ledger_sending.lua` with
-- nothing in between. Forgets what may be forgotten in this shard, a few at a time.
-- KEYS: entry, forget, versions, owner's epoch.
-- ARGV: random owner of the claim, its length in ms, fingerprint, how long an entry is kept in ms, the entry's name, the
-- start of the names of entries, the start of the names of held sets, the start of an entry's name there, random id of the
-- mark (empty: none is made), the consent that the request is sent under (may be empty).
-- Returns {'act', epoch, 1 if it was claimed before} | {'send', number of the request, 1 if it was claimed before}
-- | {'busy', ms left} | {'doubt', ms left, ms since the first request, requests sent, epoch, consent}
-- | {'reused'} | {'settled', state, outcome, key id, key version, sealed}.
local entry, forget, versions, epoch = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local owner, length, fingerprint, kept, name = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local entries, held_prefix, member_prefix, mark = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for _, old in ipairs(redis.call('ZRANGEBYSCORE', forget, '-inf', now, 'LIMIT', 0, 8)) do
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
  'sealed', 'epoch', 'sent', 'consent', 'write', 'claim', 'until')
local state = e[1]
if e[2] and e[2] ~= fingerprint then return {'reused'} end
if state == 'done' or state == 'told' or state == 'conflict' then
  return {'settled', state, e[5], e[6], e[7], e[8]}
end

local left = e[13] and e[13] ~= '' and math.max(0, tonumber(e[14]) - now) or 0
local own = left > 0 and e[13] == owner -- sent again, its answer was lost
if mark ~= '' and own and state == 'sending' and e[12] == mark then
  return {'send', tonumber(e[10]), 1}
end
if state == 'unknown' then return {'doubt', left, now - tonumber(e[4]), tonumber(e[10]), e[9] or '0', e[11] or ''} end
if left > 0 and not own then return {'busy', left} end

-- A request was sent, or one before may have been posted, and nobody is there any more to say how it ended.
if state == 'sending' or (state == 'claimed' and e[3] == '1') then
  redis.call('HSET', entry, 'state', 'unknown')
  return {'doubt', left, now - tonumber(e[4]), tonumber(e[10]), e[9] or '0', e[11] or ''}
end

local claimed_until = now + tonumber(length)
if state then
  if mark == '' then
    redis.call('HSET', entry, 'claim', owner, 'until', claimed_until)
    redis.call('ZADD', forget, now + kept, name)
    return {'act', e[9] or '0', 1}
  end
  redis.call('HSETNX', entry, 'first', now)
  redis.call('HSET', entry, 'state', 'sending', 'write', mark, 'consent', ARGV[10], 'claim', owner,
    'until', claimed_until)
  redis.call('ZREM', forget, name)
  return {'send', redis.call('HINCRBY', entry, 'sent', 1), 1}
end

-- The first time everything is written at once: this is most of what Redis does for a job.
local now_epoch = redis.call('GET', epoch) or '0'
if mark == '' then
  redis.call('HSET', entry, 'format', 1, 'state', 'claimed', 'fingerprint', fingerprint, 'sent', 0, 'repeats', 0,
    'epoch', now_epoch, 'claim', owner, 'until', claimed_until)
  redis.call('ZADD', forget, now + kept, name)
  return {'act', now_epoch, 0}
end
redis.call('HSET', entry, 'format', 1, 'state', 'sending', 'fingerprint', fingerprint, 'sent', 1, 'repeats', 0,
  'epoch', now_epoch, 'first', now, 'write', mark, 'consent', ARGV[10], 'claim', owner, 'until', claimed_until)
return {'send', 1, 0}
