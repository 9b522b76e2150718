-- Takes fields out of a hash that are still what they were when they were looked at. KEYS[1] = the hash, a key of alerts
-- ARGV: field, looked at, …; Reply: how many
local dropped = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then dropped = dropped + redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return dropped
