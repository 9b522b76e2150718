-- What the reader of each partition does, and when it said so. KEYS[1] = P:{source}:told
-- ARGV[1] now in ms, "0" for Redis' own clock, then <topic>/<partition>, word, …
local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. '|' .. string.format('%.0f', now))
end
redis.call('PEXPIRE', KEYS[1], 604800000)
return 1
