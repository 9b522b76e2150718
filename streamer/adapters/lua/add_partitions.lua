-- Partitions hold the watermark back until they have progress; those no longer named leave.
-- KEYS[1] = P:{source}:progress, and P:{source}:told beside it; ARGV = <topic>/<partition> …
local named, told = {}, string.gsub(KEYS[1], 'progress$', 'told')
for _, name in ipairs(ARGV) do
  named[name] = true
  redis.call('HSETNX', KEYS[1], name, '-1')
end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not named[name] then redis.call('HDEL', KEYS[1], name)
    redis.call('HDEL', told, name)
  end
end
return 1
