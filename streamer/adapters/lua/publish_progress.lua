-- Merged by maximum; a partition that is not known is ignored. KEYS[1] = P:{source}:progress
-- ARGV = <topic>/<partition>, record time, …
for i = 1, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if known and tonumber(known) < tonumber(ARGV[i + 1]) then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 1
