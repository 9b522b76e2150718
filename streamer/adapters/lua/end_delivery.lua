-- A leased delivery was taken by its channel, or is put off. KEYS[1] = P:{alerts}:; key out:<channel>
-- ARGV: now in ms or "0", channel, delivery id, lease, ms until it is tried again ("" for delivered)
-- Reply: 1, or 0 where another worker has the lease
local call, format, t = redis.call, string.format, redis.call('TIME')
local now = tonumber(ARGV[1])
if now == 0 then now = t[1] * 1000 + math.floor(t[2] / 1000) end
local key = KEYS[1] .. 'out:' .. ARGV[2]
local seq, lease, attempts, rest = string.match(call('HGET', key, ARGV[3]) or '', '^(%d+)|%d+|(%d+)|(%d+)|(.*)$')
if lease ~= ARGV[4] then return 0 end
if ARGV[5] == '' then
  call('HDEL', key, ARGV[3])
else
  call('HSET', key, ARGV[3], format('%s|%.0f|0|%.0f|%s', seq, now + ARGV[5], attempts + 1, rest))
end
return 1
