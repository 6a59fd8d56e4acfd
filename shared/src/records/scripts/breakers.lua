-- The breakers of which something is known. KEYS: breakers. Returns field, whether it is open or half open (1) or failures are
-- counted (0), and for how many milliseconds it is still open, for each.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept, known = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #kept, 2 do
  local opened, ends = string.match(kept[i + 1], '^%d+ %d+ (%d+) (%d+)')
  -- one that ended a day ago is of a provider that nobody calls any more
  if opened ~= '0' and tonumber(ends) < now - 86400000 then
    redis.call('HDEL', KEYS[1], kept[i])
  else
    known[#known + 1] = {kept[i], opened == '0' and 0 or 1, math.max(tonumber(ends) - now, 0)}
  end
end
return known
