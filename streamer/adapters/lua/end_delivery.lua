-- A leased delivery was taken by its channel, or is put off. KEYS[1] = P:{alerts}:; keys out:<channel>, order:<channel>,
-- due:<channel>
-- ARGV: now in ms or "0", channel, delivery id, lease, ms until it is tried again ("" for delivered)
-- Reply: 1, or 0 where another worker has the lease
local call, format, t = redis.call, string.format, redis.call('TIME')
local now = tonumber(ARGV[1])
if now == 0 then now = t[1] * 1000 + math.floor(t[2] / 1000) end
local out, order, due = KEYS[1] .. 'out:' .. ARGV[2], KEYS[1] .. 'order:' .. ARGV[2], KEYS[1] .. 'due:' .. ARGV[2]
local seq, lease, attempts, episode, notice = string.match(call('HGET', out, ARGV[3]) or '', '^(%d+)|%d+|(%d+)|(%d+)|([^|]*)|(.*)$')
if lease ~= ARGV[4] then return 0 end
if ARGV[5] == '' then
  call('HDEL', out, ARGV[3])
  call('ZREM', order, format('%s|%020.0f|%s', episode, seq, ARGV[3]))
  if #call('ZRANGE', order, '[' .. episode .. '|', '(' .. episode .. '}', 'BYLEX', 'LIMIT', 0, 1) > 0 then
    call('ZADD', due, format('%.0f', now), episode) -- the next one of the episode
  else
    call('ZREM', due, episode)
  end
else
  local again = format('%.0f', now + ARGV[5])
  call('HSET', out, ARGV[3], format('%s|%s|0|%.0f|%s|%s', seq, again, attempts + 1, episode, notice))
  call('ZADD', due, again, episode)
end
return 1
