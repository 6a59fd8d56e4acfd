-- A circuit breaker, one for all workers. Its field is gone while nothing is known against its endpoint, and holds: failures
-- in a row, when the last was, how often it opened in a row, until when it is open, until when somebody tries whether it may
-- close; times in milliseconds.
-- KEYS: breakers. ARGV: field; what: `failed`, `try` (asks whether this call may be the one that tries), `try-failed`,
-- `untried` (it was not made); failures
-- that open it; milliseconds after which a failure no longer counts with the next; that it is open for at first; at most; that a
-- try may take.
-- Returns {state, milliseconds}: 0 it is closed; 1 this call tries; 2 it is open for so long.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local what, limit = ARGV[2], tonumber(ARGV[3])
local apart, first, most, takes = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local kept = redis.call('HGET', KEYS[1], ARGV[1])
local numbers = {}
for number in string.gmatch(kept or '0 0 0 0 0', '%d+') do numbers[#numbers + 1] = tonumber(number) end
local failures, last, opened, ends, tried = unpack(numbers)
-- later than it can be: of a clock that went back
if ends > now + most then ends = now end
if tried > now + takes then tried = 0 end
local function keep()
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %.0f %d %.0f %.0f', failures, last, opened, ends, tried))
end
if what == 'try' then
  if opened == 0 then return {0, 0} end
  local wait = math.max(ends, tried) - now
  if wait > 0 then return {2, wait} end
  tried = now + takes
  keep()
  return {1, 0}
end
if opened == 0 then
  failures = math.abs(now - last) > apart and 1 or failures + 1
  last = now
  if failures >= limit then opened, ends = 1, now + first end
  keep()
elseif what == 'untried' then
  tried = 0
  keep()
elseif what == 'try-failed' then
  opened, tried = opened + 1, 0
  ends = now + math.min(first * 2 ^ (opened - 1), most)
  keep()
end
-- what was under way when it opened says nothing new
if opened == 0 then return {0, 0} end
return {2, math.max(ends - now, 0)}
