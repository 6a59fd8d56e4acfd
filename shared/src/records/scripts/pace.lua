-- Asks when a call to a provider may go out (the generic cell rate algorithm), by one clock for all workers.
-- KEYS: pace. ARGV: microseconds between two calls; how many may come at once; the longest wait for it, in microseconds; 1 for
-- a job that lines up behind those that wait already, else 0.
-- Returns {1, microseconds to wait}: it has its turn then; or {0, microseconds}: it asks again after that.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local apart, burst, longest, joins = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local kept = redis.call('HMGET', KEYS[1], 'next', 'line', 'pause')
local following, line, pause = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
local at = math.max(now, pause, following - (burst - 1) * apart)
local function keep(field, value)
  redis.call('HSET', KEYS[1], field, string.format('%.0f', value))
  redis.call('EXPIRE', KEYS[1], math.ceil((math.max(value, following, line, pause) - now) / 1000000) + 60)
end
if at - now <= longest and not (joins and line > now) then
  keep('next', math.max(at, following) + apart)
  return {1, at - now}
end
if not joins then return {0, at - now} end
-- the next place in the line, a second from now at least: nobody is put off for less
local place = math.max(line, at, now + 1000000)
keep('line', place + apart)
return {0, place - now}
