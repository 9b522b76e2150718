-- Partitions hold the watermark back until they have progress; those no longer named leave. Key: P:{source}:progress
-- KEYS[1] is that key; ARGV = <topic>/<partition> …
local named = {}
for _, name in ipairs(ARGV) do
  named[name] = true
  redis.call('HSETNX', KEYS[1], name, '-1')
end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not named[name] then redis.call('HDEL', KEYS[1], name) end
end
return 1
