-- Folds records of the feed into a lane: all of it, or nothing where something looked at has changed meanwhile.
-- KEYS[1] = P:{bb}:w:, what the keys of alerts begin with. Reads and writes v: (standings), x: (states), e: (newest), i: (index),
-- n: (counts), d: (slices), h: (hits), p (proposals), lanes
-- ARGV[1] now in ms or "0"; [2] msgpack: {lane id, lane, standings {key, looked at, new, hour}, states {name, n looked at, n, raw},
-- sums {kind, series, hour, field, amount, …}, hits {parent, hit, …}, index {series, first, last}, newest {name, state}, proposals}
-- Reply: 1, or 0 where nothing was done
local DAY, HOUR = 86400000, 3600000
local KEPT, SEEN, SLICES_MAX, HITS_KEPT = 8 * DAY, 49 * HOUR, 400, 50
local NAMES_MAX = 200 -- of an application's tools and models: they must not leave versions without a place
local call, format, t = redis.call, string.format, redis.call('TIME')
local now = tonumber(ARGV[1])
if now == 0 then now = t[1] * 1000 + math.floor(t[2] / 1000) end
local P, m = KEYS[1], cmsgpack.unpack(ARGV[2])
local id, states, index = m[1], P .. 'x:' .. m[1], P .. 'i:' .. m[1]
for _, s in ipairs(m[3]) do
  if (call('GET', P .. 'v:' .. id .. ':' .. s[1]) or '') ~= s[2] then return 0 end
end
for _, s in ipairs(m[4]) do
  local raw = call('HGET', states, s[1])
  if (raw and string.match(raw, '^%d+') or '0') ~= s[2] then return 0 end
end
if #m[7] > 0 then call('HSET', P .. 'lanes', id, m[2]) end
for _, s in ipairs(m[3]) do
  -- What happened long ago, and is told now, is told by a rebuild: it is remembered as long as Kafka may repeat it.
  local ttl = (s[4] + 1) * HOUR + KEPT > now and KEPT or SEEN
  call('SET', P .. 'v:' .. id .. ':' .. s[1], s[3], 'PX', format('%.0f', ttl))
end
for _, s in ipairs(m[4]) do call('HSET', states, s[1], s[3] .. ' ' .. s[4]) end
for _, s in ipairs(m[5]) do
  local key, ttl = P .. s[1] .. ':' .. s[2] .. ':' .. s[3], (s[3] + 1) * HOUR + KEPT - now
  if ttl > 0 then
    local held = s[1] == 'd' and call('HLEN', key) or 0
    for i = 4, #s, 2 do
      local is_name = string.find(s[i], 'tool=', 1, true) == 1 or string.find(s[i], 'model=', 1, true) == 1
      if held < (is_name and NAMES_MAX or SLICES_MAX) or call('HEXISTS', key, s[i]) == 1 then
        call('HINCRBYFLOAT', key, s[i], s[i + 1])
      end
    end
    call('PEXPIRE', key, format('%.0f', ttl))
  end
end
for _, s in ipairs(m[6]) do
  local key = P .. 'h:' .. s[1]
  for i = 2, #s do call('LPUSH', key, s[i]) end
  call('LTRIM', key, 0, HITS_KEPT - 1)
  call('PEXPIRE', key, format('%.0f', KEPT))
end
for _, s in ipairs(m[7]) do
  local first, last = string.match(call('HGET', index, s[1]) or '', '^(%d+)|(%d+)$')
  first, last = math.min(tonumber(first or s[2]), s[2]), math.max(tonumber(last or s[3]), s[3])
  call('HSET', index, s[1], format('%.0f|%.0f', first, last))
end
for _, s in ipairs(m[8]) do call('HSET', P .. 'e:' .. id, s[1], s[2]) end
for _, raw in ipairs(m[9]) do call('RPUSH', P .. 'p', raw) end
return 1
