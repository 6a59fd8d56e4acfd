-- Asks when a call to a provider may go out (the generic cell rate algorithm), by one clock for all workers.
-- KEYS: pace. ARGV: microseconds between two calls; how many may come at once; the longest wait for it, in microseconds; how it
-- comes: `joins` (a job, which lines up behind those that wait already), `lined-up` (it did), `beside` (lines up nowhere), `follows`
-- (the next call of an act that had its turn: it goes out now, and those after it wait for longer); for a job, the microseconds
-- within which a place is of use to it.
-- Returns {1, microseconds to wait}: it has its turn then; {0, microseconds}: it asks again after that; {2, microseconds}: the same,
-- and that is its place in the line.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local apart, burst, longest, within = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5])
local joins, lined_up, follows = ARGV[4] == 'joins', ARGV[4] == 'lined-up', ARGV[4] == 'follows'
local second = 1000000
local kept = redis.call('HMGET', KEYS[1], 'next', 'line', 'pause')
local following, line, pause = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
-- what cannot be is of a clock that went back: a Redis that took over
if following > now + longest + 60 * second + (burst + 10) * apart then following = now end
if pause > now + 61 * second then pause = 0 end
-- nobody stands in a line that nobody comes from
if line > now and following < now - math.max(5 * second, 2 * apart) and pause < now - 5 * second then line = now end
local at = math.max(now, pause, following - (burst - 1) * apart)
local function keep(field, value)
  redis.call('HSET', KEYS[1], field, string.format('%.0f', value))
  redis.call('EXPIRE', KEYS[1], math.ceil((math.max(value, following, line, pause) - now) / second) + 60)
end
if follows or (at - now <= longest and not (joins and line > now)) then
  keep('next', math.max(at, following) + apart)
  return {1, follows and 0 or at - now}
end
-- where calls are far apart, one that lined up comes again for the next, and keeps its place so
if not joins and not (lined_up and apart < second) then return {lined_up and 2 or 0, at - now} end
-- the next place in the line, a second from now at least: nobody is put off for less
local place = math.max(line, at, now + second)
if place - now > within then return {0, place - now} end
keep('line', place + apart)
return {2, place - now}
