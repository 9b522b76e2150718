-- What a call cost in the end. KEYS[1] = P:{spending}:, the days' hashes begin with it; a call may end the day after it began
-- ARGV: now in ms or "0", call, micro-USD, tokens; Reply: 0 if nothing was set aside for it (settled before, or too late)
local call = redis.call
local t = call('TIME')
local now = tonumber(ARGV[1]) > 0 and tonumber(ARGV[1]) or t[1] * 1000 + math.floor(t[2] / 1000)
local today = math.floor(now / 86400000)
for _, day in ipairs({today, today - 1}) do
  local key = KEYS[1] .. string.format('%.0f', day)
  if call('HDEL', key, 'r:' .. ARGV[2]) == 1 then
    call('HINCRBY', key, 'usd_micros', ARGV[3])
    call('HINCRBY', key, 'tokens', ARGV[4])
    return 1
  end
end
return 0
