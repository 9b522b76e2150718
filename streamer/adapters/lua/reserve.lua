-- Sets money aside for a call. KEYS[1] = P:{spending}:, the days' hashes begin with it
-- ARGV: now in ms or "0", call, micro-USD, tokens, until, limit in micro-USD, limit in tokens ("" for none); Reply: 1, or 0 at the limit
-- A reservation that was not settled in time counts as spent.
local call = redis.call
local t = call('TIME')
local now = tonumber(ARGV[1]) > 0 and tonumber(ARGV[1]) or t[1] * 1000 + math.floor(t[2] / 1000)
local key = KEYS[1] .. string.format('%.0f', math.floor(now / 86400000))
local usd, tokens = 0, 0
local all, spent_usd, spent_tokens = call('HGETALL', key), 0, 0
for i = 1, #all, 2 do
  local name, value = all[i], all[i + 1]
  if name == 'usd_micros' then
    usd = usd + value
  elseif name == 'tokens' then
    tokens = tokens + value
  elseif name ~= 'r:' .. ARGV[2] then
    local u, k, until_ms = string.match(value, '^(%d+)|(%d+)|(%d+)$')
    usd, tokens = usd + u, tokens + k
    if tonumber(until_ms) <= now then
      spent_usd, spent_tokens = spent_usd + u, spent_tokens + k
      call('HDEL', key, name)
    end
  end
end
if spent_usd > 0 then call('HINCRBY', key, 'usd_micros', string.format('%.0f', spent_usd)) end
if spent_tokens > 0 then call('HINCRBY', key, 'tokens', string.format('%.0f', spent_tokens)) end
if ARGV[6] ~= '' and usd + ARGV[3] > tonumber(ARGV[6]) then return 0 end
if ARGV[7] ~= '' and tokens + ARGV[4] > tonumber(ARGV[7]) then return 0 end
call('HSET', key, 'r:' .. ARGV[2], ARGV[3] .. '|' .. ARGV[4] .. '|' .. ARGV[5])
call('PEXPIRE', key, '259200000')
return 1
