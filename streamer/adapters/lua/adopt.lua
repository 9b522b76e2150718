-- A claim's reading found an owner that no scan had named. Keys: t:<scope>|<trace>, parked
-- ARGV[3] scope|trace, [4] session id. Reply: the trace's version, 0 if nothing is kept of it
local key = B .. 't:' .. ARGV[3]
local v = call('HMGET', key, 'v', 'c')
if not v[1] then return '0' end
local all = v[2] and cmsgpack.unpack(v[2]) or {}
for _, id in ipairs(all) do
  if id == ARGV[4] then return v[1] end
end
all[#all + 1] = ARGV[4]
call('HSET', key, 'c', cmsgpack.pack(all))
call('ZREM', B .. 'parked', ARGV[3])
return v[1]
