-- Forgets series and detectors that have had nothing for long and are still as they were looked at; what a series that is gone had
-- kept to be told; and the lane, once nothing of it is left. KEYS[1] = P:{bb}:w:; keys i:, x:, e: and h: of the lane, lanes
-- ARGV[1] lane id; [2] msgpack: {series {name, looked at}, states {name, n looked at, name of the newest}}
-- Reply: how many series
local call, P, id, m = redis.call, KEYS[1], ARGV[1], cmsgpack.unpack(ARGV[2])
local index, states, newest, gone, parents = P .. 'i:' .. id, P .. 'x:' .. id, P .. 'e:' .. id, 0, {}
local function parent(series) return (string.gsub(series, '^([^|]*|[^|]*)|[^|]*|', '%1|*|')) end
for _, s in ipairs(m[1]) do
  if call('HGET', index, s[1]) == s[2] then
    gone, parents[parent(s[1])] = gone + call('HDEL', index, s[1]), true
  end
end
if gone > 0 then
  for _, series in ipairs(call('HKEYS', index)) do parents[parent(series)] = nil end
  for name in pairs(parents) do call('UNLINK', P .. 'h:' .. name) end
end
for _, s in ipairs(m[2]) do
  if string.match(call('HGET', states, s[1]) or '', '^%d+') == s[2] then
    call('HDEL', states, s[1])
    if call('HGET', newest, s[3]) == s[1] then call('HDEL', newest, s[3]) end
  end
end
if call('EXISTS', index, states) == 0 then
  call('HDEL', P .. 'lanes', id)
  call('UNLINK', newest)
end
return gone
